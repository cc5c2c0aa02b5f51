//! `simward manifest`: the operator's next manifest, from a draft to its place in the log.
//!
//! Whoever signs may be on a machine of his own: `propose` and `publish` need the node, `sign` needs only the files and the
//! root's key.

mod draft;

use self::draft::Draft;
use crate::api::{Api, ApiError};
use crate::up::seeded;
use clap::Subcommand;
use deed::manifest::{Manifest, Manifests, SignedManifest};
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use serde::Serialize;
use server::deployment::{decode_manifests, encode_manifests, write_private};
use server::view::{ManifestBody, ManifestView};
use std::path::{Path, PathBuf};

/// The operator's manifest: who signs what, on which pages, after which waits.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the node's manifests, or say what one of them changes.
    Show {
        /// The node's data folder: its address stands there.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the newest manifest as a draft of the next, to be edited.
    Propose {
        /// The node's data folder: its address stands there.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
        /// Where the draft goes.
        #[arg(long, value_name = "FILE")]
        draft: PathBuf,
        /// Where the manifests so far go: whoever signs the next one needs them.
        #[arg(long, value_name = "FILE")]
        chain: PathBuf,
    },
    /// Sign a draft with the root that the newest manifest names. Says whether deeds adopt it at once or after thirty days.
    Sign {
        /// The draft.
        #[arg(long, value_name = "FILE")]
        draft: PathBuf,
        /// The manifests so far.
        #[arg(long, value_name = "FILE")]
        chain: PathBuf,
        /// The root's key; for version 2 it is DIR/keys/next-root.key.
        #[arg(long, value_name = "FILE")]
        root_key: PathBuf,
        /// The key that will sign the manifest after this one; made, if it is not there. Keep it where the node is not.
        #[arg(long, value_name = "FILE")]
        next_root_key: PathBuf,
        /// Where the signed manifest goes.
        #[arg(long, value_name = "FILE")]
        signed: PathBuf,
    },
    /// Hand a signed manifest to the node, which logs it.
    Publish {
        /// The node's data folder: its address stands there.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
        /// The signed manifest.
        #[arg(long, value_name = "FILE")]
        signed: PathBuf,
    },
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    /// The node.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A file.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, String),
    /// The draft.
    #[error("the draft: {0}")]
    Draft(String),
    /// The chain does not hold.
    #[error("the manifests so far do not hold, or this is not the key that may sign the next one: {0}")]
    Chain(#[from] deed::Reason),
    /// The machine.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

pub(crate) fn run(command: &Command) -> Result<(), ManifestError> {
    match command {
        Command::Show { data, json } => show(data, *json),
        Command::Propose { data, draft, chain } => propose(data, draft, chain),
        Command::Sign { draft, chain, root_key, next_root_key, signed } => {
            sign(draft, chain, (root_key, next_root_key), signed)
        }
        Command::Publish { data, signed } => publish(data, signed),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ManifestError> {
    std::fs::read(path).map_err(|e| ManifestError::File(path.into(), e.to_string()))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ManifestError> {
    if path.exists() {
        return Err(ManifestError::File(path.into(), "exists; nothing was overwritten".into()));
    }
    write_private(path, bytes).map_err(|e| ManifestError::File(path.into(), e.to_string()))
}

/// The chain as the node has it, verified from the root that it says is its own.
fn fetch(data: &Path) -> Result<(Vec<SignedManifest>, Manifests), ManifestError> {
    let view: ManifestView = Api::of_anybody(data)?.get("/v1/manifest", "")?;
    let answer = || ApiError::Answer("manifests that are none".into());
    let chain = hex::decode(&view.manifests).ok().and_then(|bytes| decode_manifests(&bytes).ok());
    let chain = chain.ok_or_else(answer)?;
    let mut root = [0; 32];
    hex::decode_to_slice(&view.root_digest, &mut root).map_err(|_| answer())?;
    let manifests = Manifests::verify(&Host, &root, &chain)?;
    Ok((chain, manifests))
}

/// The chain in a file, verified from its own first root: what it is worth, the newest root's key shows.
fn load(path: &Path) -> Result<(Vec<SignedManifest>, Manifests), ManifestError> {
    let chain = decode_manifests(&read(path)?)?;
    let first = chain.first().map(|signed| keys::digest::sha256(&[&signed.root])).unwrap_or_default();
    let manifests = Manifests::verify(&Host, &first, &chain)?;
    Ok((chain, manifests))
}

fn newest(manifests: &Manifests) -> Result<&Manifest, ManifestError> {
    Ok(manifests.newest().map(|(manifest, _)| manifest).ok_or(deed::Reason::Manifest)?)
}

#[derive(Serialize)]
struct Shown<'a> {
    version: u64,
    id: String,
    live: bool,
    operator: &'a str,
    roles: usize,
    sites: Vec<&'a str>,
    waits: usize,
    /// What it allows that the one before does not.
    looser: Option<&'static str>,
}

fn show(data: &Path, json: bool) -> Result<(), ManifestError> {
    let (_, manifests) = fetch(data)?;
    let mut before: Option<&Manifest> = None;
    let mut all = Vec::new();
    for manifest in manifests.all() {
        all.push(Shown {
            version: manifest.version,
            id: hex::encode(manifest.id()),
            live: manifest.live,
            operator: &manifest.operator,
            roles: manifest.roles.len(),
            sites: manifest.sites.iter().map(|site| site.rp_id.as_str()).collect(),
            waits: manifest.delays.len(),
            looser: before.and_then(|before| before.loosened_by(manifest)),
        });
        before = Some(manifest);
    }
    if json {
        println!("{}", serde_json::to_string(&all).map_err(|e| ApiError::Answer(e.to_string()))?);
        return Ok(());
    }
    for Shown { version, id, live, operator, roles, sites, waits, looser } in all {
        let kind = if live { "live" } else { "test deployment" };
        println!("version {version}   {operator} ({kind})");
        println!("  id       {id}");
        println!("  has      {roles} keys, {waits} waits of its own, pages at {}", sites.join(", "));
        match looser {
            Some(why) if version > 1 => println!("  looser   {why}"),
            _ if version > 1 => println!("  looser   nothing"),
            _ => {}
        }
    }
    Ok(())
}

fn propose(data: &Path, draft: &Path, chain: &Path) -> Result<(), ManifestError> {
    let (signed, manifests) = fetch(data)?;
    let newest = newest(&manifests)?;
    let mut text = toml::to_string(&Draft::of(newest)).map_err(|e| ManifestError::Draft(e.to_string()))?;
    text.push_str("\n# A wait of the operator's own, in seconds, for a kind of intent and a class:\n");
    text.push_str("# [[wait]]\n# kind = 8\n# class = \"A\"\n# seconds = 86400\n");
    write_new(draft, text.as_bytes())?;
    write_new(chain, &encode_manifests(&signed))?;
    println!("a draft of version {}: edit {}, then", newest.version + 1, draft.display());
    println!(
        "  simward manifest sign --draft {} --chain {} --root-key … --next-root-key … --signed …",
        draft.display(),
        chain.display()
    );
    Ok(())
}

fn key(path: &Path) -> Result<Ed25519Key, ManifestError> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .map_err(|_| ManifestError::File(path.into(), "not a key of 32 bytes".into()))?;
    Ok(Ed25519Key::from_seed(&Secret::new(seed)))
}

fn sign(
    draft: &Path,
    chain: &Path,
    (root_key, next_root_key): (&Path, &Path),
    out: &Path,
) -> Result<(), ManifestError> {
    let (signed, manifests) = load(chain)?;
    let now = newest(&manifests)?;
    let text = String::from_utf8(read(draft)?).map_err(|e| ManifestError::Draft(e.to_string()))?;
    let draft: Draft = toml::from_str(&text).map_err(|e| ManifestError::Draft(e.to_string()))?;
    let root = key(root_key)?;
    if !next_root_key.exists() {
        // Before it is named: a root that a manifest names and nobody has would be the last one.
        let fresh = Secret::<[u8; 32]>::random(&mut seeded()?);
        write_new(next_root_key, hex::encode(fresh.danger_expose()).as_bytes())?;
    }
    let next_root = key(next_root_key)?.public();
    if next_root == root.public() {
        return Err(ManifestError::File(
            next_root_key.into(),
            "is the key that signs now; every manifest names another one for the next".into(),
        ));
    }
    let next = draft.after(now, keys::digest::sha256(&[&next_root]))?;
    let manifest = next.encode();
    let signature = root.sign(&SignedManifest::message(&manifest));
    let next_signed = SignedManifest { manifest, root: root.public(), signature };
    let first = signed.first().map(|signed| keys::digest::sha256(&[&signed.root])).unwrap_or_default();
    Manifests::verify(&Host, &first, &[&signed[..], std::slice::from_ref(&next_signed)].concat())?;
    write_new(out, hex::encode(next_signed.encode()).as_bytes())?;
    println!("version {} is signed: {}", next.version, hex::encode(next.id()));
    match now.loosened_by(&next) {
        None => println!("nothing becomes looser: deeds adopt it at once"),
        Some(why) => println!("deeds adopt it when the log has shown it for thirty days, for {why}"),
    }
    Ok(())
}

fn publish(data: &Path, signed: &Path) -> Result<(), ManifestError> {
    let text = String::from_utf8(read(signed)?).unwrap_or_default();
    let body = ManifestBody { signed: text.trim().into() };
    let view: ManifestView = Api::of_anybody(data)?.post("/v1/manifests", "", &body)?;
    let chain = hex::decode(&view.manifests).ok().and_then(|bytes| decode_manifests(&bytes).ok());
    let version = chain.ok_or_else(|| ApiError::Answer("manifests that are none".into()))?.len();
    println!("version {version} is published: the log has its leaf");
    Ok(())
}
