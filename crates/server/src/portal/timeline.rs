//! The history page: a number's timeline in its reader's language, with a filter, live, and to take away.

use super::Shared;
use super::pages::{Frame, Moment, ending, failed, page as render};
use super::words::Speaker;
use crate::http::{LineView, TimelineQuery, actors, table};
use crate::node::{Lines, Page};
use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use operator::Refusal;
use operator::store::Stream;
use operator::timeline::{Filter, Happened, Kind, Line, STREAMS, Value};
use serde::Deserialize;

/// Lines of a page, and of what may be taken away as JSON in one piece.
const LINES: usize = 50;
const MOST_LINES: usize = 10_000;

/// What the page's form asks for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    /// A group of kinds.
    #[serde(default)]
    what: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    after: String,
}

/// A group's name: the streams of the store, as a reader knows them.
const fn group(stream: Stream) -> &'static str {
    match stream {
        Stream::SignIn => "sign-in",
        Stream::Network => "network",
        Stream::Alarm => "alarm",
        Stream::Deed => "deed",
        Stream::Code => "code",
        Stream::Card => "card",
        Stream::Message | Stream::Trial => "none",
    }
}

impl Asked {
    fn filter(&self) -> Result<Filter, Refusal> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let query = TimelineQuery::of_form(given(&self.actor), given(&self.from), given(&self.until));
        let mut filter = query.filter()?;
        if !self.what.is_empty() {
            let of_group = |kind: &&Kind| group(kind.stream()) == self.what;
            filter.kinds = Kind::ALL.iter().filter(of_group).copied().collect();
            if filter.kinds.is_empty() {
                return Err(Refusal::Malformed("no such group of kinds".into()));
            }
        }
        Ok(filter)
    }

    /// The form as an address says it, to come back to.
    fn address(&self, after: Option<&str>) -> String {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("what", &self.what), ("actor", &self.actor), ("from", &self.from), ("until", &self.until)]
        {
            if !value.is_empty() {
                out.append_pair(name, value);
            }
        }
        if let Some(after) = after {
            out.append_pair("after", after);
        }
        out.finish()
    }
}

/// A line as the page says it.
struct Told {
    at: Moment,
    bad: bool,
    actor: String,
    words: String,
    until: Option<Moment>,
}

impl Told {
    fn of(w: &Speaker<'_>, line: &Line) -> Self {
        let what = &line.entry.what;
        let kind = what.kind();
        let details = what.details();
        let args: Vec<(&str, String)> =
            details.iter().map(|(name, value)| (*name, said(w, kind, name, value))).collect();
        let args: Vec<(&str, &str)> = args.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let until = details.iter().find_map(|(name, value)| match (*name, value) {
            ("until" | "codes_held_until", Value::Number(at)) => Some(Moment(*at)),
            _ => None,
        });
        Self {
            at: Moment(line.at.0),
            bad: is_bad(what),
            actor: w.of("actor", line.entry.actor.name()),
            words: w.say_with(&format!("happened-{}", kind.name()), &args),
            until,
        }
    }
}

/// What a reader should look at first.
const fn is_bad(what: &Happened) -> bool {
    matches!(
        what,
        Happened::SignInFailed { .. }
            | Happened::TurnedAway { .. }
            | Happened::ResyncRefused { .. }
            | Happened::MacFailure { .. }
            | Happened::WrongResponse { .. }
            | Happened::Alarmed { .. }
            | Happened::CardRefused { .. }
            | Happened::SecretFailed { .. }
            | Happened::CardAlert { .. }
    )
}

/// A detail in the reader's words: what is a name of ours is said, what is somebody else's stands as it is.
fn said(w: &Speaker<'_>, kind: Kind, name: &str, value: &Value) -> String {
    let text = value.to_string();
    let all = |what: &str, separator: &str| {
        let words = text.split(separator).map(|word| w.known(what, word));
        words.collect::<Vec<_>>().join(&w.say("and"))
    };
    match (kind, name) {
        (_, "how") | (Kind::SignInChanged, "what") => w.known("how", &text),
        (_, "change") => w.known("kind", &text),
        (Kind::Consented | Kind::Vetoed | Kind::Held, "from") => all("from", ", "),
        (_, "bits") => all("lock", ","),
        (Kind::TurnedAway | Kind::ResyncRefused, "why") => w.known("outcome", &text),
        (Kind::Alarmed, "code") => w.known("alarm", &text),
        (Kind::NoticeQueued, "code") => w.known("notice", &text),
        (Kind::Ended, "reason") => w.known("ended", &text),
        (_, "imei") | (Kind::PhoneChanged, "from" | "to") => ending(&text),
        (_, "plmn") | (Kind::PlaceChanged | Kind::CountryChanged, "from" | "to") => {
            let (country, network) = text.split_at_checked(3).unwrap_or_default();
            format!("{country}-{network}")
        }
        (_, "area" | "status") => match value {
            Value::Number(n) => format!("{n:04X}"),
            _ => text,
        },
        (_, "which") => text.to_uppercase(),
        _ => text,
    }
}

/// A choice of the form.
struct Choice {
    value: &'static str,
    words: String,
    chosen: bool,
}

fn choices(
    w: &Speaker<'_>,
    what: &str,
    all: impl Iterator<Item = &'static str>,
    chosen: &str,
) -> Vec<Choice> {
    let choice = |value: &'static str| Choice { value, words: w.of(what, value), chosen: value == chosen };
    all.map(choice).collect()
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage<'a> {
    frame: Frame<'a>,
    w: Speaker<'a>,
    groups: Vec<Choice>,
    actors: Vec<Choice>,
    from: String,
    until: String,
    told: Vec<Told>,
    /// Where the lines of this page are got again, if it is the newest page.
    live: Option<String>,
    address: String,
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "lines.html")]
struct LinesPart<'a> {
    w: Speaker<'a>,
    told: Vec<Told>,
}

/// A page of a number's lines.
async fn look(
    portal: &super::Portal,
    number: wire::Msisdn,
    asked: &Asked,
    most: usize,
) -> Result<(Vec<Line>, Option<String>), Refusal> {
    let (filter, after) = (asked.filter()?, asked.after.clone());
    let found = portal.node.run(move |node| {
        let after = if after.is_empty() { None } else { Some(node.place_of(&number, &after)?) };
        let page = Page { after, oldest_first: false, most };
        let Lines { lines, next, .. } = node.timeline(&number, &filter, page)?;
        Ok((lines, next.map(|id| node.cursor(&number, id))))
    });
    found.await
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Malformed(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
        other => failed(other),
    }
}

/// The page.
pub(super) async fn page(State(portal): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let w = portal.speaker(&headers);
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    match look(&portal, session.number, &asked, LINES).await {
        Ok((lines, next)) => {
            let address = asked.address(None);
            let live = asked.after.is_empty().then(|| format!("/history/lines?{address}"));
            render(&HistoryPage {
                frame: Frame { w, path: "/history", signed_in: true },
                w,
                groups: choices(&w, "group", STREAMS.into_iter().map(group), &asked.what),
                actors: choices(&w, "actor", actors(), &asked.actor),
                told: lines.iter().map(|line| Told::of(&w, line)).collect(),
                older: next.map(|next| asked.address(Some(&next))),
                from: asked.from,
                until: asked.until,
                live,
                address,
            })
        }
        Err(refusal) => refused(&refusal),
    }
}

/// The page's lines alone, for a page that looks again.
pub(super) async fn lines(State(portal): Shared, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let w = portal.speaker(&headers);
    let Some(session) = portal.session(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    match look(&portal, session.number, &asked, LINES).await {
        Ok((lines, _)) => {
            render(&LinesPart { w, told: lines.iter().map(|line| Told::of(&w, line)).collect() })
        }
        Err(refusal) => refused(&refusal),
    }
}

/// All of it as a table.
pub(super) async fn as_csv(
    State(portal): Shared,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    match asked.filter() {
        Ok(filter) => table(&portal.node, session.number, filter),
        Err(refusal) => refused(&refusal),
    }
}

/// The newest of it as JSON: ten thousand lines, which is years of one number.
pub(super) async fn as_json(
    State(portal): Shared,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    let (mut all, mut asked) = (Vec::new(), Asked { after: String::new(), ..asked });
    while all.len() < MOST_LINES {
        match look(&portal, session.number, &asked, 500).await {
            Ok((lines, next)) => {
                all.extend(lines.iter().map(LineView::of));
                let Some(next) = next else { break };
                asked.after = next;
            }
            Err(refusal) => return refused(&refusal),
        }
    }
    let as_file = [("content-disposition", "attachment; filename=\"timeline.json\"")];
    (as_file, Json(all)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::words::{LANGUAGES, Words};

    #[test]
    fn both_languages_have_a_sentence_for_every_kind_and_a_word_for_every_choice() {
        let words = Words::load().unwrap();
        for (tag, text) in LANGUAGES {
            for kind in Kind::ALL {
                assert!(text.contains(&format!("\nhappened-{} =", kind.name())), "{tag}: {}", kind.name());
            }
            let w = words.in_language(tag).unwrap();
            for (what, all) in
                [("group", STREAMS.into_iter().map(group).collect::<Vec<_>>()), ("actor", actors().collect())]
            {
                for which in all {
                    assert_ne!(w.of(what, which), format!("{what}-{which}"), "{tag}");
                }
            }
        }
    }
}
