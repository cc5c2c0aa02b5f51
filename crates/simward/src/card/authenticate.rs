//! `simward card authenticate`: one challenge, as a network puts it, and what the card says.

use super::CardError;
use super::files::Holder;
use super::terminal::Where;
use wire::Malformed;

/// Give the card a challenge and print its answer: RES, or AUTS if its sequence number is ahead.
///
/// For engineers and tests: an authentication centre's vector goes in, the USIM's word comes out (TS 31.102 §7.1.2.1).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// RAND: 32 hexadecimal digits.
    rand: String,
    /// AUTN: 32 hexadecimal digits.
    autn: String,
}

fn octets(name: &'static str, text: &str) -> Result<[u8; 16], Malformed> {
    let mut out = [0; 16];
    hex::decode_to_slice(text, &mut out).map_err(|_| Malformed::new(name, "not 32 hexadecimal digits"))?;
    Ok(out)
}

/// Asks.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    let (rand, autn) = (octets("RAND", &args.rand)?, octets("AUTN", &args.autn)?);
    let pin = args.holder.pin()?;
    let answer = args.card.visit(|card| {
        if let Some(pin) = &pin {
            card.verify(pin, args.holder.last_try)?;
        }
        card.select_usim()?;
        Ok(card.authenticate(&rand, &autn)?)
    })?;
    match answer {
        Ok(data) => match data.as_slice() {
            [0xdb, length, rest @ ..] => {
                println!("RES {}", hex::encode(rest.get(..usize::from(*length)).unwrap_or_default()));
            }
            [0xdc, _, auts @ ..] => println!("AUTS {}", hex::encode(auts)),
            other => println!("{}", hex::encode(other)),
        },
        Err(status) => println!("refused {:04x}", u16::from_be_bytes(status.to_bytes())),
    }
    Ok(())
}
