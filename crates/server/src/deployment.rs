//! A deployment in a folder: keys, manifest, databases, witnesses. Made on first use as a test deployment (env 0).
//!
//! ```text
//! DIR/lock                     held while a node runs
//! DIR/manifest                 signed manifests, from the root to the newest
//! DIR/operator.db              numbers, cards, events, log: believed by nobody
//! DIR/auc/pins.db              the enforcement point's own store
//! DIR/auc/*.key                its keys: MAC, key-encryption, roll, role
//! DIR/keys/*.key               root, issuer, consent, log, desks, emergency
//! DIR/keys/portal.key          seals what the doors store
//! DIR/keys/ota.key             makes cards' keys of remote management
//! DIR/keys/desk.token          lets a desk ask
//! DIR/keys/bank.token          lets relying parties post messages and ask
//! DIR/keys/bureau.token        lets the personalisation bureau draw cards
//! DIR/witness/N.key, N.seen    three local witnesses
//! DIR/witness/outside          witnesses elsewhere, if there are any ([`crate::outside`])
//! DIR/log.policy               whose signatures count (C2SP tlog-policy), to hand on to witnesses and watchers
//! ```

use crate::move_page;
use crate::outside::{OutsideWitness, Witnessing, WitnessingError};
use deed::cbor::{Writer, whole};
use deed::class::Class;
use deed::log::note::VerifierKey;
use deed::manifest::{Delay, Manifest, Manifests, RoleKind, SignedManifest, Site};
use deed::signer::RoleSigner;
use keys::Secret;
use keys::seal::SealKey;
use keys::sign::{Ed25519Key, Host};
use operator::consent::Signers;
use operator::log::Log;
use operator::pins::EnforcementKeys;
use operator::store::Store;
use operator::witness::{Seen, Witness};
use rand_core::CryptoRng;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Memory, Sqlite};
use wire::UnixTime;

/// The port of a loopback node whose port was not chosen.
pub const PORT: u16 = 8740;
/// The origin on which the move page is served by a loopback node.
pub const ORIGIN: &str = "http://move.localhost:8740";
/// Its relying party: never the portal's, and never a parent of it.
pub const RP_ID: &str = "move.localhost";
/// The portal's host on a loopback node, and the relying party of sign-in.
pub const PORTAL: &str = "my.localhost";
const LOG_ORIGIN: &str = "simward.localhost/log";
const WITNESSES: u64 = 3;

/// Why a deployment does not open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has it.
    #[error("{} is in use by another simward process; stop that one, or give this one another folder", .0.display())]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}; restore it from a copy, or begin a new deployment in another folder", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Its witnesses cannot be these.
    #[error("{}: {why}", path.display())]
    Witnesses {
        /// Where they are named.
        path: PathBuf,
        /// Why.
        why: WitnessingError,
    },
    /// A database does not open.
    #[error(transparent)]
    Store(#[from] operator::store::Broken),
}

/// The waits of a test deployment about to be made. They stand in its manifest, whose env 0 every answer tells; a live
/// deployment's can only be longer than the floors in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestWaits {
    /// As in a live one.
    Real,
    /// Two seconds, for tests that must see a change done.
    Short,
}

impl TestWaits {
    fn delays(self) -> Vec<Delay> {
        if self == Self::Real {
            return Vec::new();
        }
        let short = |kind, class| Delay { kind, class, seconds: 2 };
        let kinds = (1..=9).chain(11..=13);
        let owners = kinds.flat_map(|kind| [Class::A, Class::B].map(|class| short(kind, class)));
        owners.chain([short(10, Class::X)]).collect()
    }
}

/// What a new deployment is made with. Changes nothing in one that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Making {
    /// Its waits.
    pub waits: TestWaits,
    /// The port on which its pages are served: part of the origins that passkeys are bound to.
    pub port: u16,
}

impl From<TestWaits> for Making {
    fn from(waits: TestWaits) -> Self {
        Self { waits, port: PORT }
    }
}

/// An open deployment.
pub struct Deployment {
    /// The folder.
    pub dir: PathBuf,
    pub(crate) lock: File,
    /// Signed manifests.
    pub signed: Vec<SignedManifest>,
    /// The same, verified.
    pub manifests: Manifests,
    /// SHA-256 of the root key.
    pub root_digest: [u8; 32],
    /// The consent service's keys.
    pub signers: Signers,
    /// The authentication centre's role, for receipts.
    pub auc: RoleSigner,
    /// The desk that signed-in owners are served by: it objects when they say so. Of the first desk's office, so it adds no
    /// weight to anything that needs two.
    pub desk: RoleSigner,
    /// Seals what the holder's portal stores.
    pub portal: SealKey,
    /// Makes cards' keys of remote management.
    pub ota: Secret<[u8; 32]>,
    /// The enforcement point's keys.
    pub enforcement: EnforcementKeys,
    /// The log, empty until its leaves are read.
    pub log: Log,
    /// The witnesses, with where each stores what it has seen.
    pub witnesses: Vec<(Witness, PathBuf)>,
    /// The witnesses that other people run.
    pub outside: Vec<OutsideWitness>,
    /// Lets a desk ask.
    pub desk_token: String,
    /// Lets the bureau draw cards.
    pub bureau_token: String,
    /// Lets relying parties post messages and ask.
    pub bank_token: String,
    /// The operator's database. One that does not open is replaced by an empty one in memory, and nothing is changed:
    /// a destroyed database darkens no line.
    pub database: Box<dyn Store>,
    /// Why the database did not open.
    pub database_fault: Option<String>,
    /// The enforcement point's own.
    pub pin_store: Box<dyn Store>,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StartError + '_ {
    move |source| StartError::Io { path: path.to_path_buf(), source }
}

fn damaged(path: &Path, why: impl ToString) -> StartError {
    StartError::Damaged { path: path.to_path_buf(), why: why.to_string() }
}

/// Writes a file whole or not at all, readable by its owner alone.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Key files: 32 bytes in hexadecimal. Made while a deployment is made; missing later, they are damage, since a new key
/// in an old one's place would silently be another operator.
struct KeyFiles<'a, R> {
    rng: &'a mut R,
    making: bool,
}

impl<R: CryptoRng> KeyFiles<'_, R> {
    /// The same for a key that older deployments have not: nothing was sealed with it yet.
    fn secret_or_made(&mut self, path: &Path) -> Result<Secret<[u8; 32]>, StartError> {
        let making = std::mem::replace(&mut self.making, true);
        let secret = self.secret(path);
        self.making = making;
        secret
    }

    fn secret(&mut self, path: &Path) -> Result<Secret<[u8; 32]>, StartError> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| damaged(path, "not a key"))?;
                Ok(Secret::new(bytes))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.making => {
                let fresh = Secret::random(self.rng);
                write_private(path, hex::encode(fresh.danger_expose()).as_bytes()).map_err(io(path))?;
                Ok(fresh)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(damaged(path, "is gone")),
            Err(e) => Err(io(path)(e)),
        }
    }
}

fn newest_roll_digest(manifests: &Manifests) -> [u8; 32] {
    manifests.newest().map_or([0; 32], |(manifest, _)| manifest.roll_digest)
}

impl Deployment {
    /// The move page's site, as the newest manifest names it.
    pub fn move_site(&self) -> Option<&Site> {
        self.manifests.newest().and_then(|(manifest, _)| manifest.sites.first())
    }

    /// Opens the deployment in `dir`, or makes a test deployment there.
    pub fn open(dir: &Path, making: impl Into<Making>, rng: &mut impl CryptoRng) -> Result<Self, StartError> {
        Self::open_witnessed(dir, making, &Witnessing::default(), rng)
    }

    /// The same, with witnesses elsewhere: whose cosignatures count is decided while a deployment is made.
    pub fn open_witnessed(
        dir: &Path,
        making: impl Into<Making>,
        witnessing: &Witnessing,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, StartError> {
        let Making { waits, port } = making.into();
        for folder in [dir.to_path_buf(), dir.join("keys"), dir.join("auc"), dir.join("witness")] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io(&folder))?;
        }
        let lock_path = dir.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(io(&lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StartError::InUse(dir.to_path_buf()))?;

        // The manifest is written last: while it is missing, the deployment is still being made.
        let mut files = KeyFiles { making: !dir.join("manifest").exists(), rng };
        let keys = dir.join("keys");
        let mut ed25519 = |name: &str| -> Result<Ed25519Key, StartError> {
            Ok(Ed25519Key::from_seed(&files.secret(&keys.join(name))?))
        };
        let issuer = RoleSigner::new(RoleKind::Issuer, 0, ed25519("issuer.key")?);
        let consent = RoleSigner::new(RoleKind::Consent, 0, ed25519("consent.key")?);
        let desks = [
            RoleSigner::new(RoleKind::Desk, 1, ed25519("desk-1.key")?),
            RoleSigner::new(RoleKind::Desk, 2, ed25519("desk-2.key")?),
        ];
        let emergency = [
            RoleSigner::new(RoleKind::BreakGlass, 3, ed25519("emergency-1.key")?),
            RoleSigner::new(RoleKind::BreakGlass, 4, ed25519("emergency-2.key")?),
        ];
        let root = ed25519("root.key")?;
        let next_root = ed25519("next-root.key")?;
        let log = Log::new(LOG_ORIGIN.into(), ed25519("log.key")?);
        let enforcement = EnforcementKeys {
            mac: files.secret(&dir.join("auc/mac.key"))?,
            kek: SealKey::new(files.secret(&dir.join("auc/kek.key"))?),
            roll: files.secret(&dir.join("auc/roll.key"))?,
        };
        let auc = RoleSigner::new(
            RoleKind::Auc,
            0,
            Ed25519Key::from_seed(&files.secret(&dir.join("auc/role.key"))?),
        );
        let bank_token = hex::encode(files.secret_or_made(&dir.join("keys/bank.token"))?.danger_expose());
        let ota = files.secret_or_made(&dir.join("keys/ota.key"))?;
        let portal = SealKey::new(files.secret_or_made(&dir.join("keys/portal.key"))?);
        let path = dir.join("witness/outside");
        let Witnessing { own, outside } = Witnessing::of_deployment(&path, witnessing, files.making)
            .map_err(|why| StartError::Witnesses { path, why })?;
        let witnesses = if own { open_witnesses(dir, &log.vkey(), &mut files)? } else { Vec::new() };
        let mut token = |name: &str| -> Result<String, StartError> {
            files.secret(&dir.join("keys").join(name)).map(|s| hex::encode(s.danger_expose()))
        };
        let (desk_token, bureau_token) = (token("desk.token")?, token("bureau.token")?);
        let roles = [&issuer, &consent, &auc].into_iter().chain(&desks).chain(&emergency);
        let manifest = Manifest {
            operator: "Simward test operator".into(),
            live: false,
            version: 1,
            prev: [0; 32],
            roles: roles.map(|r| r.role.clone()).collect(),
            sites: vec![Site {
                rp_id: RP_ID.into(),
                origins: vec![format!("http://{RP_ID}:{port}")],
                page_digest: move_page::digest(),
            }],
            log_policy: policy(&log, &witnesses, &outside).into_bytes(),
            delays: waits.delays(),
            roll_digest: keys::digest::sha256(&[enforcement.roll.danger_expose()]),
            next_root: keys::digest::sha256(&[&next_root.public()]),
        };
        let signed = open_manifests(&dir.join("manifest"), &manifest, &root)?;
        let root_digest = keys::digest::sha256(&[&root.public()]);
        let manifests =
            Manifests::verify(&Host, &root_digest, &signed).map_err(|e| damaged(&dir.join("manifest"), e))?;
        if keys::digest::sha256(&[enforcement.roll.danger_expose()]) != newest_roll_digest(&manifests) {
            return Err(damaged(&dir.join("auc/roll.key"), "not the key the manifest names"));
        }
        // Whoever locks the database for long holds up changes, not calls.
        let (database, database_fault): (Box<dyn Store>, _) =
            match Sqlite::open(&dir.join("operator.db"), Duration::from_millis(200)) {
                Ok(database) => (Box::new(database), None),
                Err(broken) => (Box::new(Memory::new()), Some(broken.to_string())),
            };
        if let Some((manifest, _)) = manifests.newest() {
            let path = dir.join("log.policy");
            write_private(&path, &manifest.log_policy).map_err(io(&path))?;
        }
        let [desk, _] = desks;
        Ok(Self {
            desk,
            portal,
            ota,
            bank_token,
            desk_token,
            bureau_token,
            database,
            database_fault,
            pin_store: Box::new(Sqlite::open(&dir.join("auc/pins.db"), Duration::from_secs(5))?),
            dir: dir.to_path_buf(),
            lock,
            signed,
            manifests,
            root_digest,
            signers: Signers { issuer, consent },
            auc,
            enforcement,
            log,
            witnesses,
            outside,
        })
    }
}

/// The signed manifests, as one CBOR list; the first is signed on first use.
fn open_manifests(
    path: &Path,
    first: &Manifest,
    root: &Ed25519Key,
) -> Result<Vec<SignedManifest>, StartError> {
    match std::fs::read(path) {
        Ok(bytes) => decode_manifests(&bytes).map_err(|e| damaged(path, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let manifest = first.encode();
            let signature = root.sign(&SignedManifest::message(&manifest));
            let signed = vec![SignedManifest { manifest, root: root.public(), signature }];
            write_private(path, &encode_manifests(&signed)).map_err(io(path))?;
            Ok(signed)
        }
        Err(e) => Err(io(path)(e)),
    }
}

/// A list of signed manifests as bytes.
pub fn encode_manifests(signed: &[SignedManifest]) -> Vec<u8> {
    Writer::new().list(signed, |w, m| w.raw(&m.encode())).done()
}

/// And back.
pub fn decode_manifests(bytes: &[u8]) -> Result<Vec<SignedManifest>, deed::Reason> {
    whole(bytes, |r| {
        let n = r.list(64, "number of manifests")?;
        (0..n).map(|_| SignedManifest::read(r)).collect()
    })
}

fn open_witnesses(
    dir: &Path,
    log: &VerifierKey,
    files: &mut KeyFiles<'_, impl CryptoRng>,
) -> Result<Vec<(Witness, PathBuf)>, StartError> {
    let mut out = Vec::new();
    for n in 1..=WITNESSES {
        let key = Ed25519Key::from_seed(&files.secret(&dir.join(format!("witness/{n}.key")))?);
        let path = dir.join(format!("witness/{n}.seen"));
        let seen = match std::fs::read_to_string(&path) {
            Ok(text) => parse_seen(&text).ok_or_else(|| damaged(&path, "not a size and a root"))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Seen::nothing(),
            Err(e) => return Err(io(&path)(e)),
        };
        out.push((Witness::new(format!("witness{n}.localhost"), key, log.clone(), seen), path));
    }
    Ok(out)
}

/// A witness's memory as text: size, root and time.
pub fn format_seen(seen: Seen) -> String {
    format!("{} {} {}\n", seen.size, hex::encode(seen.root), seen.since)
}

fn parse_seen(text: &str) -> Option<Seen> {
    let mut words = text.trim().split(' ');
    let (size, root, since) = (words.next()?, words.next()?, words.next()?);
    let mut bytes = [0; 32];
    hex::decode_to_slice(root, &mut bytes).ok()?;
    Some(Seen { size: size.parse().ok()?, root: bytes, since: UnixTime(since.parse().ok()?) })
}

/// Whether this is the name of a witness in the operator's own process.
pub fn is_own_witness(name: &str) -> bool {
    (1..=WITNESSES).any(|n| name == format!("witness{n}.localhost"))
}

/// All witnesses must cosign: with three, two are not enough to exclude a split view. Of those that other people run, as
/// many may be away as leave a quorum that excludes one: fewer than a third of all.
fn policy(log: &Log, witnesses: &[(Witness, PathBuf)], outside: &[OutsideWitness]) -> String {
    let mut text = format!("log {}\n", log.vkey());
    let mut names = String::new();
    let vkeys = witnesses.iter().map(|(witness, _)| witness.vkey());
    let vkeys = vkeys.chain(outside.iter().map(|witness| witness.vkey.clone()));
    for (i, vkey) in vkeys.enumerate() {
        text.push_str(&format!("witness w{i} {vkey}\n"));
        names.push_str(&format!(" w{i}"));
    }
    let all = witnesses.len() + outside.len();
    let k = if outside.is_empty() { "all".into() } else { (1 + 2 * all / 3).to_string() };
    text.push_str(&format!("group witnesses {k}{names}\nquorum witnesses\n"));
    text
}
