//! What an owner keeps: the receipt, a passkey in software, and the recovery sheet.
//!
//! ```text
//! OWNER/receipt.toml   deed id, root digest, watch key, newest event seen
//! OWNER/passkey.key    the software passkey (place 1); a real owner's is in the phone
//! OWNER/stand-by.card  the stand-by card that was authorised, if one was
//! OWNER/sheet.txt      the recovery sheet (place 2), to be printed, cut in two and put away
//! ```

use deed::Digest;
use deed::event::{AsOf, Body, Proof};
use deed::history::Receipt;
use deed::manifest::Site;
use deed::record::{Card, Factor, Place, Purpose};
use deed::signer::{RawSigner, Sheet, SignStatement, SoftPasskey};
use keys::Secret;
use keys::paper::PaperCode;
use keys::sign::Es256Key;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use server::deployment::{ORIGIN, RP_ID, write_private};
use std::path::{Path, PathBuf};
use wire::Msisdn;

/// Why an owner's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    /// A file cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
    /// A file does not hold what it should.
    #[error("{}: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// There is an owner already.
    #[error("{} already holds an owner's keys; nothing was overwritten", .0.display())]
    Exists(PathBuf),
}

/// An owner's keys and memory.
pub(crate) struct Owner {
    /// What was handed over at issue.
    pub(crate) receipt: Receipt,
    /// In the phone.
    pub(crate) passkey: SoftPasskey,
    /// On paper: it moves the number.
    pub(crate) code: PaperCode,
    /// On the other half of the paper: it can only suspend. Owners of the first version have none.
    pub(crate) hold: Option<PaperCode>,
}

/// Keys before there is a deed.
pub(crate) struct FreshKeys {
    /// For the phone.
    pub(crate) passkey: SoftPasskey,
    /// For the paper.
    pub(crate) code: PaperCode,
    /// For its other half.
    pub(crate) hold: PaperCode,
}

impl FreshKeys {
    /// Fresh ones, the passkey bound to the move page's site.
    pub(crate) fn random(site: &Site, rng: &mut impl CryptoRng) -> Self {
        let mut cred_id = [0; 32];
        rng.fill_bytes(&mut cred_id);
        let origin = site.origins.first().map_or(ORIGIN, String::as_str);
        let passkey = SoftPasskey::synced(Es256Key::random(rng), &site.rp_id, origin, &cred_id);
        Self { passkey, code: PaperCode::random(rng), hold: PaperCode::random(rng) }
    }

    /// Their factors, and who signs for each, in the same order.
    pub(crate) fn prove(
        &mut self,
        deed_id: &Digest,
        body: impl FnOnce(Vec<Factor>) -> Body,
    ) -> (Body, Vec<Proof>) {
        let (mut sheet, mut hold) = (Sheet::new(self.code.key()), hold_signer(&self.hold));
        let body = body(vec![self.passkey.factor(), sheet.factor(), hold.factor().clone()]);
        let signers: [&mut dyn SignStatement; 3] = [&mut self.passkey, &mut sheet, &mut hold];
        let proofs = signers.into_iter().map(|s| s.prove(deed_id, AsOf::NOTHING, &body)).collect();
        (body, proofs)
    }
}

/// The signer that a hold code stands for.
fn hold_signer(code: &PaperCode) -> RawSigner {
    RawSigner::new(Purpose::HoldOnly, Place::Elsewhere, code.key())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptText {
    number: String,
    deed_id: String,
    root_digest: String,
    watch_key: String,
    seq: u64,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasskeyText {
    scalar: String,
    credential_id: String,
    #[serde(default = "first_rp_id")]
    rp_id: String,
    #[serde(default = "first_origin")]
    origin: String,
}

fn first_rp_id() -> String {
    RP_ID.into()
}

fn first_origin() -> String {
    ORIGIN.into()
}

fn hex32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The number that the receipt in an owner's folder is for.
pub(crate) fn number_of(owner: &Path) -> Result<Msisdn, OwnerError> {
    number_in(&owner.join("receipt.toml"))
}

/// The number that a receipt is for.
pub(crate) fn number_in(path: &Path) -> Result<Msisdn, OwnerError> {
    let text = std::fs::read_to_string(path).map_err(|e| OwnerError::Io(path.into(), e))?;
    let damaged = || OwnerError::Damaged(path.into(), "not a receipt".into());
    let text: ReceiptText = toml::from_str(&text).map_err(|_| damaged())?;
    text.number.parse().map_err(|_| damaged())
}

/// A receipt from its file.
pub(crate) fn read_receipt(path: &Path) -> Result<Receipt, OwnerError> {
    let text = std::fs::read_to_string(path).map_err(|e| OwnerError::Io(path.into(), e))?;
    let damaged = |why: &str| OwnerError::Damaged(path.into(), why.into());
    // The parser's own message quotes the line it fails at, and that may be the watch key.
    let text: ReceiptText = toml::from_str(&text).map_err(|_| damaged("not a receipt"))?;
    let field =
        |value: &str, name: &str| hex32(value).ok_or_else(|| damaged(&format!("`{name}` is not 32 bytes")));
    Ok(Receipt {
        deed_id: field(&text.deed_id, "deed_id")?,
        root_digest: field(&text.root_digest, "root_digest")?,
        watch_key: Secret::new(field(&text.watch_key, "watch_key")?),
        seq: text.seq,
        head: field(&text.head, "head")?,
    })
}

impl Owner {
    /// The sheet as a signer.
    pub(crate) fn sheet(&self) -> Sheet {
        Sheet::new(self.code.key())
    }

    /// The hold code as a signer.
    pub(crate) fn hold_signer(&self) -> Option<RawSigner> {
        self.hold.as_ref().map(hold_signer)
    }

    /// Reads an owner's folder.
    pub(crate) fn load(folder: &Path) -> Result<Self, OwnerError> {
        Self::load_with(folder, read_receipt(&folder.join("receipt.toml"))?)
    }

    /// The same with a receipt that is not there yet.
    pub(crate) fn load_with(folder: &Path, receipt: Receipt) -> Result<Self, OwnerError> {
        let path = folder.join("passkey.key");
        let damaged = |path: &Path, why: &str| OwnerError::Damaged(path.into(), why.into());
        let text = std::fs::read_to_string(&path).map_err(|e| OwnerError::Io(path.clone(), e))?;
        let text: PasskeyText = toml::from_str(&text).map_err(|_| damaged(&path, "not a passkey"))?;
        let key = hex32(&text.scalar).and_then(|s| Es256Key::from_scalar(&Secret::new(s)));
        let key = key.ok_or_else(|| damaged(&path, "not a passkey"))?;
        let cred_id = hex::decode(&text.credential_id).map_err(|_| damaged(&path, "not a passkey"))?;
        let path = folder.join("sheet.txt");
        let sheet = std::fs::read_to_string(&path).map_err(|e| OwnerError::Io(path.clone(), e))?;
        let code = |label: &str| sheet.lines().find_map(|line| PaperCode::parse(line.strip_prefix(label)?));
        Ok(Self {
            receipt,
            passkey: SoftPasskey::synced(key, &text.rp_id, &text.origin, &cred_id),
            code: code("code:").ok_or_else(|| damaged(&path, "no line `code: …` of 26 symbols"))?,
            hold: code("hold:"),
        })
    }

    /// Writes a new owner's folder; an existing one is left alone.
    pub(crate) fn save(&self, folder: &Path, number: &Msisdn) -> Result<(), OwnerError> {
        self.save_keys(folder, number)?;
        self.save_receipt(folder, number)
    }

    /// Writes a new owner's keys, without a receipt: there is no deed that knows them yet.
    pub(crate) fn save_keys(&self, folder: &Path, number: &Msisdn) -> Result<(), OwnerError> {
        Self::must_be_new(folder)?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            write_private(&path, text.as_bytes()).map_err(|e| OwnerError::Io(path, e))
        };
        let passkey = PasskeyText {
            scalar: hex::encode(self.passkey.scalar().danger_expose()),
            credential_id: hex::encode(self.passkey.cred_id()),
            rp_id: self.passkey.rp_id().into(),
            origin: self.passkey.origin().into(),
        };
        let text = |value: Result<String, toml::ser::Error>| {
            value.map_err(|e| OwnerError::Damaged(folder.into(), e.to_string()))
        };
        write("passkey.key", text(toml::to_string(&passkey))?)?;
        write("sheet.txt", self.sheet_text(number))
    }

    /// Writes the receipt, over an older one.
    pub(crate) fn save_receipt(&self, folder: &Path, number: &Msisdn) -> Result<(), OwnerError> {
        self.save_receipt_as(folder, "receipt.toml", number)
    }

    /// Writes the receipt under another name, beside the one that counts.
    pub(crate) fn save_receipt_as(
        &self,
        folder: &Path,
        name: &str,
        number: &Msisdn,
    ) -> Result<(), OwnerError> {
        let receipt = ReceiptText {
            number: number.to_string(),
            deed_id: hex::encode(self.receipt.deed_id),
            root_digest: hex::encode(self.receipt.root_digest),
            watch_key: hex::encode(self.receipt.watch_key.danger_expose()),
            seq: self.receipt.seq,
            head: hex::encode(self.receipt.head),
        };
        let text =
            toml::to_string(&receipt).map_err(|e| OwnerError::Damaged(folder.into(), e.to_string()))?;
        let path = folder.join(name);
        write_private(&path, text.as_bytes()).map_err(|e| OwnerError::Io(path, e))
    }

    /// Removes keys by which nothing lives.
    pub(crate) fn forget(folder: &Path) {
        for name in ["passkey.key", "sheet.txt", "receipt.toml"] {
            let _ = std::fs::remove_file(folder.join(name));
        }
    }

    /// Makes the folder, if no owner is in it.
    pub(crate) fn must_be_new(folder: &Path) -> Result<(), OwnerError> {
        std::fs::create_dir_all(folder).map_err(|e| OwnerError::Io(folder.into(), e))?;
        if folder.join("receipt.toml").exists() || folder.join("passkey.key").exists() {
            return Err(OwnerError::Exists(folder.into()));
        }
        Ok(())
    }

    /// Writes down which stand-by card was authorised.
    pub(crate) fn remember_stand_by(&self, folder: &Path, card: &Card) -> Result<(), OwnerError> {
        let path = folder.join("stand-by.card");
        write_private(&path, hex::encode(card.encode()).as_bytes()).map_err(|e| OwnerError::Io(path, e))
    }

    /// The stand-by card that was authorised.
    pub(crate) fn stand_by(&self, folder: &Path) -> Result<Card, OwnerError> {
        let path = folder.join("stand-by.card");
        let text = std::fs::read_to_string(&path).map_err(|e| OwnerError::Io(path.clone(), e))?;
        let card = hex::decode(text.trim()).ok().and_then(|bytes| Card::decode(&bytes).ok());
        card.ok_or_else(|| OwnerError::Damaged(path, "not a card of a deed".into()))
    }

    /// Writes a new sheet beside the old one.
    pub(crate) fn keep_new_sheet(
        &mut self,
        folder: &Path,
        number: &Msisdn,
        code: &PaperCode,
    ) -> Result<(), OwnerError> {
        let path = folder.join("new-sheet.txt");
        if path.exists() {
            return Err(OwnerError::Exists(path));
        }
        let old = std::mem::replace(&mut self.code, code.clone());
        let text = self.sheet_text(number);
        self.code = old;
        write_private(&path, text.as_bytes()).map_err(|e| OwnerError::Io(path, e))
    }

    fn sheet_text(&self, number: &Msisdn) -> String {
        let hold = self.hold.as_ref().map(PaperCode::danger_print).unwrap_or_default();
        format!(
            "Simward recovery sheet for +{number}\n\n\
             code: {}\n\n\
             Print this, put it away from the phone, and delete the file. Whoever has this code and the phone can\n\
             move the number in 15 minutes; whoever has one of them can be stopped by the other for a day.\n\
             Nobody from the operator ever asks for it. It is used up by the first change of SIM or of keys that it counts\n\
             in; resuming a line and waking a stand-by card do not use it up.\n\n\
             - - - - - - - - - - - - - - - - - - - - cut here - - - - - - - - - - - - - - - - - - - -\n\n\
             hold: {hold}\n\n\
             For the wallet, or for somebody you trust: phone gone, line suspended, from any browser. It can only\n\
             suspend, it moves nothing, and it works again and again.\n",
            self.code.danger_print()
        )
    }
}
