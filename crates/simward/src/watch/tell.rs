//! How a watcher tells: its standard output, a command, a webhook.

use super::finding::{Finding, Kind};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a command or a webhook may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A way to tell the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channel {
    /// A line of text, or of JSON, on standard output.
    Stdout,
    /// A program, started without a shell; what there is to tell stands in its environment.
    Command(String),
    /// JSON, posted to an address.
    Webhook(String),
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "stdout" => Ok(Self::Stdout),
            Some(("command", program)) if !program.is_empty() => Ok(Self::Command(program.into())),
            // There is no TLS in this program: a command may post to an https address.
            Some(("webhook", url)) if url.starts_with("http://") => Ok(Self::Webhook(url.into())),
            Some(("webhook", _)) => {
                Err("a webhook's address begins with http://; for https, name a command that posts".into())
            }
            _ => Err("stdout, command=PROGRAM or webhook=http://…".into()),
        }
    }
}

impl Channel {
    /// Tells once; an error says why it may not have arrived.
    fn tell(&self, finding: &Finding, json: bool) -> Result<(), String> {
        match self {
            Self::Stdout => {
                let line = if json { to_json(finding)? } else { line(finding) };
                let mut out = std::io::stdout();
                writeln!(out, "{line}")
                    .and_then(|()| out.flush())
                    .map_err(|e| format!("standard output: {e}"))
            }
            Self::Command(program) => run(program, finding),
            Self::Webhook(url) => post(url, finding),
        }
    }
}

fn to_json(finding: &Finding) -> Result<String, String> {
    serde_json::to_string(finding).map_err(|e| e.to_string())
}

/// A finding as people read it.
fn line(finding: &Finding) -> String {
    let kind = match finding.kind {
        Kind::Event => "event",
        Kind::Alarm => "ALARM",
    };
    let evidence = finding.evidence.as_ref().map(|path| format!("\n       evidence: {}", path.display()));
    format!("{kind}  {}: {}{}", finding.code, finding.text, evidence.unwrap_or_default())
}

/// Starts the program. What the log says never becomes part of a command line.
fn run(program: &str, finding: &Finding) -> Result<(), String> {
    let number = |value: Option<u64>| value.map(|n| n.to_string()).unwrap_or_default();
    let kind = if finding.kind == Kind::Event { "event" } else { "alarm" };
    let evidence = finding.evidence.as_ref().map(|path| path.display().to_string());
    let mut child = Command::new(program)
        .env("SIMWARD_KIND", kind)
        .env("SIMWARD_CODE", finding.code)
        .env("SIMWARD_TEXT", &finding.text)
        .env("SIMWARD_NUMBER", finding.number.as_deref().unwrap_or_default())
        .env("SIMWARD_EVENT", number(finding.event))
        .env("SIMWARD_LEAF", number(finding.leaf))
        .env("SIMWARD_LOGGED_AT", number(finding.logged_at))
        .env("SIMWARD_EVIDENCE", evidence.unwrap_or_default())
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| format!("{program}: {e}"))?;
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{program}: {status}")),
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program}: still running after {} seconds", PATIENCE.as_secs()));
            }
            Err(e) => return Err(format!("{program}: {e}")),
        }
    }
}

fn post(url: &str, finding: &Finding) -> Result<(), String> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let agent: ureq::Agent = config.into();
    let response = agent.post(url).send_json(finding).map_err(|e| format!("{url}: {e}"))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("{url}: HTTP {status}")) }
}

/// Tells a finding on every channel, again and again where it did not arrive: `attempts` times, or for as long as it takes.
pub(crate) fn tell(
    channels: &[Channel],
    finding: &Finding,
    json: bool,
    attempts: Option<u32>,
) -> Result<(), String> {
    for channel in channels {
        let (mut pause, mut attempt) = (Duration::from_secs(1), 1);
        while let Err(why) = channel.tell(finding, json) {
            if attempts.is_some_and(|most| attempt >= most) {
                return Err(why);
            }
            tracing::warn!("not delivered, tried again in {} seconds: {why}", pause.as_secs());
            std::thread::sleep(pause);
            (pause, attempt) = ((pause * 2).min(LONGEST_PAUSE), attempt + 1);
        }
    }
    Ok(())
}
