//! The next manifest as its operator writes it: what may change of the newest one, in TOML.

use super::ManifestError;
use deed::class::Class;
use deed::manifest::{Delay, Manifest, Role, RoleKey, RoleKind, Site};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    operator: String,
    #[serde(default, rename = "role", skip_serializing_if = "Vec::is_empty")]
    roles: Vec<RoleText>,
    #[serde(default, rename = "site", skip_serializing_if = "Vec::is_empty")]
    sites: Vec<SiteText>,
    #[serde(default, rename = "wait", skip_serializing_if = "Vec::is_empty")]
    waits: Vec<WaitText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleText {
    kind: String,
    key: String,
    office: u64,
    #[serde(default)]
    from: u64,
    #[serde(default)]
    until: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteText {
    rp_id: String,
    origins: Vec<String>,
    page_digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitText {
    kind: u64,
    class: String,
    seconds: u64,
}

const ROLES: [(&str, RoleKind); 5] = [
    ("issuer", RoleKind::Issuer),
    ("consent", RoleKind::Consent),
    ("desk", RoleKind::Desk),
    ("auc", RoleKind::Auc),
    ("emergency", RoleKind::BreakGlass),
];
const CLASSES: [(&str, Class); 4] = [("A", Class::A), ("B", Class::B), ("C", Class::C), ("X", Class::X)];

fn wrong(what: &str, text: &str) -> ManifestError {
    ManifestError::Draft(format!("{text:?} is no {what}"))
}

impl Draft {
    /// Of a manifest.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let role = |role: &Role| {
            let kind = ROLES.iter().find(|(_, kind)| *kind == role.kind).map_or("", |(name, _)| name);
            let key = match &role.key {
                RoleKey::Es256(key) => format!("es256:{}", hex::encode(key)),
                RoleKey::Ed25519(key) => format!("ed25519:{}", hex::encode(key)),
            };
            RoleText { kind: kind.into(), key, office: role.office, from: role.from, until: role.until }
        };
        let site = |site: &Site| SiteText {
            rp_id: site.rp_id.clone(),
            origins: site.origins.clone(),
            page_digest: hex::encode(site.page_digest),
        };
        let wait = |delay: &Delay| {
            let class = CLASSES.iter().find(|(_, class)| *class == delay.class).map_or("", |(name, _)| name);
            WaitText { kind: delay.kind, class: class.into(), seconds: delay.seconds }
        };
        Self {
            operator: manifest.operator.clone(),
            roles: manifest.roles.iter().map(role).collect(),
            sites: manifest.sites.iter().map(site).collect(),
            waits: manifest.delays.iter().map(wait).collect(),
        }
    }

    /// The manifest after `now` that it asks for; whoever signs it names the root that comes after.
    pub(super) fn after(&self, now: &Manifest, next_root: [u8; 32]) -> Result<Manifest, ManifestError> {
        let manifest = Manifest {
            operator: self.operator.clone(),
            version: now.version + 1,
            prev: now.id(),
            roles: self.roles.iter().map(RoleText::role).collect::<Result<_, _>>()?,
            sites: self.sites.iter().map(SiteText::site).collect::<Result<_, _>>()?,
            delays: self.waits.iter().map(WaitText::delay).collect::<Result<_, _>>()?,
            next_root,
            ..now.clone()
        };
        // What the format does not hold is found here, and not by whoever reads it.
        Manifest::decode(&manifest.encode()).map_err(|e| ManifestError::Draft(e.to_string()))?;
        Ok(manifest)
    }
}

impl RoleText {
    fn role(&self) -> Result<Role, ManifestError> {
        let kind = ROLES.iter().find(|(name, _)| *name == self.kind).map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| wrong("role", &self.kind))?;
        let not_a_key = || wrong("key of a role", &self.key);
        let key = match self.key.split_once(':') {
            Some(("ed25519", key)) => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(key, &mut bytes).map_err(|_| not_a_key())?;
                RoleKey::Ed25519(bytes)
            }
            Some(("es256", key)) => {
                let mut bytes = [0; 65];
                hex::decode_to_slice(key, &mut bytes).map_err(|_| not_a_key())?;
                RoleKey::Es256(bytes)
            }
            _ => return Err(not_a_key()),
        };
        Ok(Role { kind, key, office: self.office, from: self.from, until: self.until })
    }
}

impl SiteText {
    fn site(&self) -> Result<Site, ManifestError> {
        let mut page_digest = [0; 32];
        hex::decode_to_slice(&self.page_digest, &mut page_digest)
            .map_err(|_| wrong("digest of a page", &self.page_digest))?;
        Ok(Site { rp_id: self.rp_id.clone(), origins: self.origins.clone(), page_digest })
    }
}

impl WaitText {
    fn delay(&self) -> Result<Delay, ManifestError> {
        let class = CLASSES.iter().find(|(name, _)| *name == self.class).map(|(_, class)| *class);
        let class = class.ok_or_else(|| wrong("class", &self.class))?;
        Ok(Delay { kind: self.kind, class, seconds: self.seconds })
    }
}
