//! `simward card profile`: a new card's profile, its keys and codes drawn.

use super::profile::save;
use super::{CardError, system};
use crate::random;
use ::card::{Code, MncLength, Profile};
use keys::Secret;
use keys::aka::AkaKeys;
use keys::milenage::Milenage;
use keys::ota::OtaKeys;
use rand_core::Rng;
use std::path::PathBuf;
use wire::{Iccid, Imsi, Msisdn};

/// Write a new card's profile, with keys and codes that nobody has had: MILENAGE, a PIN of four digits, PUK, ADM, and keys of
/// remote management.
///
/// The network needs K and OPc from it too. Whoever reads the file can make a second card.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The card's serial number.
    #[arg(long)]
    iccid: Iccid,
    /// The subscriber's identity.
    #[arg(long)]
    imsi: Imsi,
    /// How many digits of the identity are the network's code: 2 or 3.
    #[arg(long, value_name = "2|3", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    mnc_length: u8,
    /// The number, with its country code and without +.
    #[arg(long)]
    msisdn: Option<Msisdn>,
    /// Where an alert from the card's menu goes, as a short message.
    #[arg(long, value_name = "MSISDN")]
    alert_number: Option<Msisdn>,
    /// The operator's constant, 32 hexadecimal digits, that OPc is made of; without it OPc is drawn.
    #[arg(long, value_name = "HEX")]
    op: Option<String>,
    /// The file to make; one that is there already is left alone.
    #[arg(value_name = "FILE.toml")]
    out: PathBuf,
}

/// Decimal digits, each as likely as the others.
fn digits(count: usize, rng: &mut random::System) -> String {
    let mut out = String::new();
    while out.len() < count {
        let mut octet = [0];
        rng.fill_bytes(&mut octet);
        // 250 is the last multiple of ten that an octet holds.
        if let [octet @ 0..250] = octet {
            out.push(char::from(b'0' + octet % 10));
        }
    }
    out
}

/// Draws it.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    let mut rng = random::system().map_err(system("get randomness"))?;
    let k: Secret<[u8; 16]> = Secret::random(&mut rng);
    let opc = match &args.op {
        None => Secret::random(&mut rng),
        Some(op) => {
            let mut octets = [0; 16];
            let wrong = |_| wire::Malformed::new("OP", "must be 32 hexadecimal digits");
            hex::decode_to_slice(op, &mut octets).map_err(wrong)?;
            Milenage::opc_from_op(&k, &Secret::new(octets))
        }
    };
    let mut eight = || Code::eight(&digits(8, &mut rng));
    let (puk, adm1) = (eight()?, eight()?);
    let profile = Profile {
        iccid: args.iccid,
        imsi: args.imsi,
        mnc_length: if args.mnc_length == 3 { MncLength::Three } else { MncLength::Two },
        aka: AkaKeys::Milenage { k, opc },
        pin: Code::pin(&digits(4, &mut rng))?,
        puk,
        adm1,
        pin2: None,
        universal_pin: None,
        more_adm: Vec::new(),
        msisdn: args.msisdn,
        deed_id: None,
        concealment: None,
        gsm: true,
        card_key: None,
        alert_number: args.alert_number,
        alert_endpoint: None,
        ota: Some(OtaKeys::new(Secret::random(&mut rng), Secret::random(&mut rng))),
    };
    save(&args.out, &profile).map_err(|source| CardError::ProfileFile { path: args.out.clone(), source })?;
    println!("{}: card {}, its keys and codes new; keep it secret", args.out.display(), args.iccid);
    Ok(())
}
