//! The portal: a password known, a mailbox read, a row copied.

use super::Outcome;
use super::hands::{HOUR, MINUTE, stuck};
use crate::demo::DemoError;
use crate::demo::administrator::edit;
use crate::demo::attacks::database;
use crate::demo::cast::{Cast, parse};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use serde_json::json;
use server::deployment::PORTAL;
use std::time::Duration;
use wire::Msisdn;

const PASSWORD: &str = "a long sentence that leaked somewhere else";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// Places that a portal might have and this one has not.
const NOT_THERE: [&str; 6] = ["/move", "/port-out", "/forwarding", "/puk", "/keys/remove", "/codes"];

/// A browser at the portal.
struct Browser {
    agent: ureq::Agent,
    url: String,
    host: String,
    cookie: String,
}

impl Browser {
    fn new(cast: &Cast) -> Result<Self, DemoError> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let url = cast.api()?.url().to_string();
        let port = url.rsplit(':').next().unwrap_or_default().to_string();
        Ok(Self { agent: config.into(), url, host: format!("{PORTAL}:{port}"), cookie: String::new() })
    }

    /// The status, and where it is sent to.
    fn post(&mut self, path: &str, form: &str) -> Result<(u16, String), DemoError> {
        let request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("host", &self.host)
            .header("origin", format!("http://{}", self.host))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &self.cookie);
        let response = request.send(form).map_err(stuck)?;
        let text = |name: &str| {
            response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_string()
        };
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str().ok().and_then(|c| c.split(';').next()).unwrap_or_default();
            if pair.starts_with("session=") {
                self.cookie = pair.into();
            }
        }
        Ok((response.status().as_u16(), text("location")))
    }

    fn sign_in(&mut self, number: &Msisdn, password: &str, code: &str) -> Result<bool, DemoError> {
        let form = format!("number={number}&password={}&code={code}", password.replace(' ', "+"));
        let (_, to) = self.post("/sign-in/password", &form)?;
        Ok(to == "/" && !self.cookie.is_empty())
    }
}

/// The holder has set a password and an authenticator app.
fn account(cast: &Cast, number: Msisdn, password: &str, secret: &str) -> Result<(), DemoError> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &[5; 16]).map_err(stuck)?;
    let account = json!({
        "passkeys": [],
        "password": { "phc": hash.to_string(), "since": 0 },
        "totp": { "secret": secret, "step": 0 },
        "devices": [],
    });
    cast.stage.handle()?.run_blocking(move |node| {
        let row = node.door_put(&format!("account/{number}"), &account);
        node.write_door(vec![row]).map(drop)
    })?;
    Ok(())
}

/// What the authenticator app shows now.
fn code(cast: &Cast, secret: &str) -> Result<String, DemoError> {
    let secret = totp_rs::Secret::try_from_base32(secret).map_err(|e| stuck(format!("{e:?}")))?;
    let totp = totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_secret(secret)
        .build()
        .map_err(|e| stuck(format!("{e:?}")))?;
    Ok(totp.generate(cast.stage.now()).to_string())
}

/// Whoever knows the password tries codes, and in the end has the right one.
pub(super) fn failing_until_one_passes(cast: &mut Cast) -> Result<Outcome, DemoError> {
    account(cast, cast.number, PASSWORD, SECRET)?;
    let mut browser = Browser::new(cast)?;
    let number = cast.number;
    for wrong in ["000000", "111111", "222222", "333333"] {
        if browser.sign_in(&number, PASSWORD, wrong)? {
            return Ok(Outcome::Through("a wrong code signed in"));
        }
    }
    let right = code(cast, SECRET)?;
    let signed_in = browser.sign_in(&number, PASSWORD, &right)?;
    cast.glance(1)?;
    Ok(Outcome::unless(
        signed_in,
        "the fifth challenge passed after four had failed",
        "not-signed-in: three failures end the password",
    ))
}

/// Password and mailbox for a day: whatever the portal can be asked for.
pub(super) fn for_a_day(cast: &mut Cast) -> Result<Outcome, DemoError> {
    account(cast, cast.number, PASSWORD, SECRET)?;
    let number = cast.number;
    let mut browser = Browser::new(cast)?;
    for hour in 0..24_u32 {
        let guess = format!("{:06}", hour * 41_233 % 1_000_000);
        browser.sign_in(&number, PASSWORD, &guess)?;
        cast.pass_in(HOUR, 30 * MINUTE)?;
    }
    // The mailbox gives away a code of today's after all.
    let right = code(cast, SECRET)?;
    let signed_in = browser.sign_in(&number, PASSWORD, &right)?;
    let mut found = Vec::new();
    for path in NOT_THERE {
        let (status, _) = browser.post(path, "")?;
        found.extend((status != 404).then_some(path));
    }
    let holds = cast.show()?.holds;
    let through = signed_in || !found.is_empty() || !holds.is_empty();
    Ok(Outcome::unless(
        through,
        "password and mailbox opened the portal",
        "not-signed-in; and there is nothing to move, port, forward or read a PUK with",
    ))
}

/// Somebody who writes to the database copies his own account over the owner's.
pub(super) fn copying_an_account(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let thiefs: Msisdn = parse("8613900139000")?;
    account(cast, cast.number, "the owner's own long sentence", "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")?;
    account(cast, thiefs, PASSWORD, SECRET)?;
    let sql = format!(
        "UPDATE door SET value = (SELECT value FROM door WHERE name = 'account/{thiefs}') WHERE name = 'account/{}';",
        cast.number
    );
    edit(&database(cast), &sql)?;
    let mut browser = Browser::new(cast)?;
    let (number, right) = (cast.number, code(cast, SECRET)?);
    let signed_in = browser.sign_in(&number, PASSWORD, &right)?;
    let suspended = signed_in && browser.post("/suspend", "")?.0 < 400 && !cast.show()?.holds.is_empty();
    cast.pass_in(5 * MINUTE, MINUTE)?;
    Ok(Outcome::unless(
        signed_in,
        if suspended { "and suspended the line" } else { "signed in as the owner" },
        "not-signed-in: the row opens under its own number alone",
    ))
}
