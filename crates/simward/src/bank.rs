//! `simward bank`: a relying party's side. It posts codes, and asks whether a number's SIM was just changed.

use crate::api::{Api, ApiError};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};
use server::bank::PostedView;
use std::path::PathBuf;
use wire::Msisdn;

/// A bank or a site: post a code to a number, ask when its SIM was changed and who agreed.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The node's data folder: its address and tokens stand there.
    #[arg(long, value_name = "DIR", default_value = "simward-data", global = true)]
    data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Post a message to a number.
    Post {
        /// The number: country code first, no +.
        number: Msisdn,
        /// What it says.
        text: String,
        /// Who it is from, up to 11 letters.
        #[arg(long, default_value = "Bank")]
        from: String,
    },
    /// Whether the number's SIM was changed lately (CAMARA SIM Swap, check).
    Swapped {
        /// The number.
        number: Msisdn,
        /// How many hours count as lately.
        #[arg(long, default_value_t = 240)]
        max_age: u64,
    },
    /// When it was changed (CAMARA SIM Swap, retrieve-date), and who agreed.
    WhoAgreed {
        /// The number.
        number: Msisdn,
    },
}

/// Asks.
pub(crate) fn run(args: &Args) -> Result<(), ApiError> {
    let api = Api::of_folder(&args.data)?;
    match &args.command {
        Command::Post { number, text, from } => {
            let body = json!({ "to": format!("+{number}"), "from": from, "text": text });
            let posted: PostedView = api.post("/v1/messages", &api.bank, &body)?;
            match (posted.state.as_str(), posted.until) {
                ("held", Some(until)) => println!("held until {until}: the number's SIM was changed lately"),
                ("held", None) => println!("held: the line is suspended"),
                ("waiting", _) => println!("waiting: the number's card is not attached"),
                (state, _) => println!("{state}"),
            }
        }
        Command::Swapped { number, max_age } => {
            let body = json!({ "phoneNumber": format!("+{number}"), "maxAge": max_age });
            let answer: Value = api.post("/sim-swap/v2/check", &api.bank, &body)?;
            println!("{answer}");
        }
        Command::WhoAgreed { number } => {
            let body = json!({ "phoneNumber": format!("+{number}") });
            let date: Value = api.post("/sim-swap/v2/retrieve-date", &api.bank, &body)?;
            let agreed: Value = api.post("/sim-swap-consent/v0/retrieve", &api.bank, &body)?;
            println!("{date}");
            println!("{agreed}");
        }
    }
    Ok(())
}
