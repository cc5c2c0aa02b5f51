//! The portal's words, zh-CN and en, in `words/*.ftl`.

use super::Shared;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::Deserialize;
use std::fmt::Display;
use unic_langid::LanguageIdentifier;

const COOKIE: &str = "language";

/// Languages: tag, words. The first is what a browser gets that asks for none of them.
pub(super) const LANGUAGES: [(&str, &str); 2] =
    [("zh-CN", include_str!("../../words/zh-CN.ftl")), ("en", include_str!("../../words/en.ftl"))];

type Bundle = FluentBundle<FluentResource>;

/// All words.
pub(super) struct Words(Vec<(&'static str, Bundle)>);

/// One language's.
#[derive(Clone, Copy)]
pub(super) struct Speaker<'a> {
    /// Its tag.
    pub(super) tag: &'static str,
    bundle: Option<&'a Bundle>,
}

impl Words {
    /// Reads them.
    pub(super) fn load() -> Result<Self, String> {
        let read = |(tag, text): (&'static str, &str)| {
            let language: LanguageIdentifier = tag.parse().map_err(|e| format!("{tag}: {e:?}"))?;
            let resource = FluentResource::try_new(text.into()).map_err(|(_, e)| format!("{tag}: {e:?}"))?;
            let mut bundle = FluentBundle::new_concurrent(vec![language]);
            bundle.set_use_isolating(false);
            bundle.add_resource(resource).map_err(|e| format!("{tag}: {e:?}"))?;
            Ok((tag, bundle))
        };
        LANGUAGES.into_iter().map(read).collect::<Result<_, String>>().map(Self)
    }

    /// Whoever asks is spoken to in the language chosen last, or the browser's.
    pub(super) fn speaker(&self, headers: &HeaderMap) -> Speaker<'_> {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let chosen = text(header::COOKIE).split(';').filter_map(|pair| pair.trim().split_once('='));
        let chosen = chosen.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
        let accepted =
            text(header::ACCEPT_LANGUAGE).split(',').map(|t| t.split(';').next().unwrap_or("").trim());
        let wanted = chosen.chain(accepted).find_map(|wanted| {
            let main = wanted.split('-').next().unwrap_or_default();
            self.0.iter().find(|(tag, _)| tag.split('-').next() == Some(main))
        });
        match wanted.or(self.0.first()) {
            Some((tag, bundle)) => Speaker { tag, bundle: Some(bundle) },
            None => Speaker { tag: "en", bundle: None },
        }
    }

    #[cfg(test)]
    pub(super) fn in_language(&self, tag: &str) -> Option<Speaker<'_>> {
        let (tag, bundle) = self.0.iter().find(|(t, _)| *t == tag)?;
        Some(Speaker { tag, bundle: Some(bundle) })
    }
}

impl Speaker<'_> {
    /// A word.
    pub(super) fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// A sentence with something in it.
    pub(super) fn with(&self, key: &str, name: &str, value: impl Display) -> String {
        self.say_with(key, &[(name, &value.to_string())])
    }

    /// The word for one of several: `kind-1`.
    pub(super) fn of(&self, what: &str, which: impl Display) -> String {
        self.say(&format!("{what}-{which}"))
    }

    /// The word for one of several, or what it is called where there is no word for it.
    pub(super) fn known(&self, what: &str, which: &str) -> String {
        let key = format!("{what}-{which}");
        let said = self.say(&key);
        if said == key { which.into() } else { said }
    }

    pub(super) fn say_with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, *value);
        }
        let pattern = self.bundle.and_then(|b| Some((b, b.get_message(key)?.value()?)));
        match pattern {
            Some((bundle, pattern)) => {
                bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
            }
            // The tests see to it that no page asks for a word that is not there.
            None => key.into(),
        }
    }

    /// The other language's tag and name for itself.
    pub(super) fn other(&self) -> (&'static str, &'static str) {
        if self.tag == "en" { ("zh-CN", "中文") } else { ("en", "English") }
    }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    to: String,
    back: Option<String>,
}

/// Another language, and back to the page.
pub(super) async fn choose(State(_): Shared, Query(choice): Query<Choice>) -> Response {
    // A path of the portal's own, and nothing that a browser would read as somebody else's address.
    let own = |path: &String| {
        let tail = path.strip_prefix('/');
        tail.is_some_and(|tail| tail.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    };
    let back = choice.back.filter(own);
    let back = Redirect::to(back.as_deref().unwrap_or("/"));
    match LANGUAGES.iter().find(|(tag, _)| *tag == choice.to) {
        Some((tag, _)) => {
            let cookie = format!("{COOKIE}={tag}; Path=/; SameSite=Lax; Max-Age=31536000");
            ([(header::SET_COOKIE, cookie)], back).into_response()
        }
        None => back.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TEMPLATES: [&str; 7] = [
        include_str!("../../templates/lines.html"),
        include_str!("../../templates/base.html"),
        include_str!("../../templates/home.html"),
        include_str!("../../templates/status.html"),
        include_str!("../../templates/sign_in.html"),
        include_str!("../../templates/history.html"),
        include_str!("../../templates/security.html"),
    ];

    fn keys(text: &str) -> BTreeSet<&str> {
        let lines = text.lines().filter_map(|line| line.split_once(" ="));
        lines.map(|(key, _)| key).filter(|key| !key.starts_with([' ', '#'])).collect()
    }

    #[test]
    fn both_languages_have_the_same_words() {
        let [(_, chinese), (_, english)] = LANGUAGES;
        assert_eq!(keys(chinese), keys(english));
        assert!(keys(english).len() > 20);
    }

    #[test]
    fn no_page_asks_for_a_word_that_is_not_there() {
        let words = Words::load().unwrap();
        let known = keys(LANGUAGES[0].1);
        for template in TEMPLATES {
            for part in template.split("w.say(\"").chain(template.split("w.with(\"")).skip(1) {
                let key = part.split('"').next().unwrap();
                if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                    assert!(known.contains(key), "no word {key}");
                }
            }
        }
        assert_eq!(words.in_language("en").unwrap().say("stop"), "This was not me: stop it");
        assert_eq!(words.in_language("zh-CN").unwrap().say("stop"), "不是我，立即阻止");
    }
}
