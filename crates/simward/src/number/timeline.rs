//! A number's timeline on the command line.

use super::look::date;
use super::{NumberError, Where, token_of};
use crate::api::{Api, ApiError};
use crate::owner::Owner;
use clap::Args as ClapArgs;
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

/// What of it, and how.
#[derive(Debug, ClapArgs)]
#[group(skip)] // its name is its command's
pub(crate) struct Timeline {
    /// The owner's folder: the timeline is for whoever has the number's watch key.
    #[arg(long, value_name = "DIR")]
    owner: PathBuf,
    /// Only these kinds, with commas between (docs/timeline.md has them all).
    #[arg(long, value_name = "KINDS")]
    kind: Option<String>,
    /// Only by these: owner, desk, network, card, operator, unknown.
    #[arg(long, value_name = "ACTORS")]
    actor: Option<String>,
    /// Not before: a day, a moment (RFC 3339), or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Not after.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many lines, the newest.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    most: usize,
    /// One JSON object a line.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// As a table for spreadsheets, all of it.
    #[arg(long, conflicts_with = "follow")]
    csv: bool,
    /// Stay, and print what happens from now on.
    #[arg(long)]
    follow: bool,
}

#[derive(Deserialize)]
struct Page {
    lines: Vec<Value>,
    next: Option<String>,
}

impl Timeline {
    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let asked =
            [("kind", &self.kind), ("actor", &self.actor), ("from", &self.from), ("until", &self.until)];
        for (name, value) in asked {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    fn print(&self, line: &Value) -> io::Result<()> {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        let out = if self.json {
            line.to_string()
        } else {
            let at = line.get("at").and_then(Value::as_u64).unwrap_or_default();
            format!("{}  {:<8}  {}", date(at), text("actor"), text("words"))
        };
        // Whatever a sender calls himself moves no cursor and rings no bell.
        let out: String = out.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let mut stdout = io::stdout();
        writeln!(stdout, "{out}")?;
        stdout.flush()
    }
}

/// Prints it, newest first; followed, as it happens.
pub(super) fn timeline(at: &Where, wanted: &Timeline) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&Owner::load(&wanted.owner)?);
    let (path, query) = (format!("/v1/numbers/{}/timeline", at.number), wanted.query());
    if wanted.csv {
        let table = api.get_bytes(&format!("{path}.csv?{query}"), &token)?;
        return Ok(io::stdout().write_all(&table)?);
    }
    if wanted.follow {
        return follow(&api, &format!("{path}/live?{query}"), &token, wanted);
    }
    let (mut left, mut after) = (wanted.most, String::new());
    while left > 0 {
        let limit = left.min(500);
        let page: Page = api.get(&format!("{path}?{query}&limit={limit}{after}"), &token)?;
        for line in &page.lines {
            wanted.print(line)?;
        }
        left = left.saturating_sub(page.lines.len());
        let Some(next) = page.next else { break };
        after = format!("&after={next}");
    }
    Ok(())
}

/// Prints what happens. A line that breaks is taken up where it broke.
fn follow(api: &Api, path: &str, token: &str, wanted: &Timeline) -> Result<(), NumberError> {
    let mut last: Option<String> = None;
    loop {
        let mut reader = api.listen(path, token, last.as_deref())?;
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
            if let Some(id) = line.strip_prefix("id: ") {
                last = Some(id.trim_end().to_string());
            } else if let Some(data) = line.strip_prefix("data: ").filter(|data| data.starts_with('{')) {
                let line: Value = serde_json::from_str(data).map_err(|e| ApiError::Answer(e.to_string()))?;
                wanted.print(&line)?;
            }
            line.clear();
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
