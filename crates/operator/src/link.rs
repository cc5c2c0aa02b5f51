//! Links that look like somebody else's (警惕钓鱼网站): offline, by the name alone.
//!
//! A name is compared with names that are protected: as people see it (UTS #39 skeletons, marks stripped, letters that pass
//! for others folded), as people misread it (an edit or two away), and as people skip over it (the protected name as a part of
//! another). A name that looks like none of them may still be a thief's: this finds look-alikes, not thieves.

use idna::domain_to_unicode;
use std::fmt;
use strsim::damerau_levenshtein;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;
use url::Url;

/// Protected by default: banks, wallets and operators that messages are forged of most. Their owners' other domains can be
/// added by whoever knows them.
pub const PROTECTED: [&str; 24] = [
    "icbc.com.cn",
    "ccb.com",
    "abchina.com",
    "boc.cn",
    "bankcomm.com",
    "cmbchina.com",
    "alipay.com",
    "weixin.qq.com",
    "unionpay.com",
    "10086.cn",
    "10010.com",
    "189.cn",
    "taobao.com",
    "jd.com",
    "12306.cn",
    "gov.cn",
    "paypal.com",
    "apple.com",
    "google.com",
    "microsoft.com",
    "amazon.com",
    "hsbc.com",
    "barclays.co.uk",
    "giffgaff.com",
];

/// What a link's name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This protected domain itself, or a name under it.
    Own(String),
    /// It passes for this protected domain.
    LooksLike {
        /// Whose name it takes.
        domain: String,
        /// How.
        how: How,
    },
    /// Like none of them.
    Unlike,
}

/// How a name passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It looks the same: other characters, or marks on the letters.
    SameLook,
    /// A letter or two are other, missing, doubled or swapped.
    NearlyTheSame,
    /// The name is a part of a longer one.
    Within,
    /// The name stands in front of somebody else's domain.
    InFront,
    /// The same name under another ending.
    OtherEnding,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameLook => "it looks the same and is made of other characters",
            Self::NearlyTheSame => "a letter or two are not the same",
            Self::Within => "the name is only a part of it",
            Self::InFront => "the name stands in front, the domain is another one",
            Self::OtherEnding => "the ending is another one",
        })
    }
}

/// Letters that pass for others and that UTS #39 and the stripping of marks leave alone.
const FOLDS: [(char, &str); 40] = [
    ('ı', "i"),
    ('ɩ', "i"),
    ('ł', "l"),
    ('ƚ', "l"),
    ('ɫ', "l"),
    ('ɭ', "l"),
    ('ø', "o"),
    ('ɵ', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('ɖ', "d"),
    ('ħ', "h"),
    ('ɦ', "h"),
    ('ŧ', "t"),
    ('ƫ', "t"),
    ('ʈ', "t"),
    ('ƀ', "b"),
    ('ɓ', "b"),
    ('ƈ', "c"),
    ('ɕ', "c"),
    ('ǥ', "g"),
    ('ɠ', "g"),
    ('ɡ', "g"),
    ('ƙ', "k"),
    ('ɱ', "m"),
    ('ɲ', "n"),
    ('ɳ', "n"),
    ('ƞ', "n"),
    ('ŋ', "n"),
    ('ƥ', "p"),
    ('ɋ', "q"),
    ('ɍ', "r"),
    ('ɽ', "r"),
    ('ʂ', "s"),
    ('ß', "ss"),
    ('ʋ', "v"),
    ('ɯ', "w"),
    ('ƴ', "y"),
    ('ƶ', "z"),
    ('ʐ', "z"),
];

/// Figures and pairs of letters that pass for letters.
const READ_AS: [(&str, &str); 9] = [
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "l"),
    ("5", "s"),
    ("3", "e"),
    ("i", "l"),
    ("!", "l"),
];

/// A label as people see it: each step takes away what the eye does not hold on to.
fn look(label: &str) -> String {
    let folded: String = label
        .to_lowercase()
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(|c| {
            let fold = FOLDS.iter().find(|(from, _)| *from == c).map(|(_, to)| *to);
            fold.map_or_else(|| c.to_string(), str::to_string).chars().collect::<Vec<_>>()
        })
        .collect();
    let bare: String = skeleton(&folded).filter(|c| !is_combining_mark(*c)).collect();
    READ_AS.iter().fold(bare.to_lowercase(), |text, (from, to)| text.replace(from, to))
}

/// The registered domain of a name, and its first label: `example.co.uk`, `example`.
fn registered(name: &str) -> Option<(String, String)> {
    let domain = psl::domain_str(name)?;
    let label = domain.split('.').next()?;
    Some((domain.to_string(), label.to_string()))
}

/// What the host name of a link is.
pub fn judge(host: &str, protected: &[String]) -> Verdict {
    let (host, _) = domain_to_unicode(host.trim_end_matches('.'));
    let host = host.to_lowercase();
    let own =
        |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if let Some(domain) = protected.iter().find(|domain| own(domain)) {
        return Verdict::Own(domain.clone());
    }
    let Some((domain, label)) = registered(&host) else { return Verdict::Unlike };
    let mut best: Option<(u8, Verdict)> = None;
    for wanted in protected {
        let brand = registered(wanted).map_or_else(|| wanted.clone(), |(_, label)| label);
        if let Some((rank, how)) = compare(&host, &domain, &label, &brand)
            && best.as_ref().is_none_or(|(least, _)| rank < *least)
        {
            best = Some((rank, Verdict::LooksLike { domain: wanted.clone(), how }));
        }
    }
    best.map_or(Verdict::Unlike, |(_, verdict)| verdict)
}

/// How a name passes for a brand, the nearest likeness first.
fn compare(host: &str, domain: &str, label: &str, brand: &str) -> Option<(u8, How)> {
    if label == brand {
        return Some((3, How::OtherEnding));
    }
    let (seen, known) = (look(label), look(brand));
    if seen == known {
        return Some((0, How::SameLook));
    }
    // Short names have too many neighbours to be told from strangers.
    let length = known.chars().count();
    let near = match length {
        0..=4 => 0,
        5..=9 => 1,
        _ => 2,
    };
    if near > 0 && damerau_levenshtein(&seen, &known) <= near {
        return Some((1, How::NearlyTheSame));
    }
    let words = |text: &str| text.split(['-', '_']).map(look).collect::<Vec<_>>();
    let whole_word = words(label).contains(&known);
    if whole_word || length >= 6 && seen.contains(&known) {
        return Some((2, How::Within));
    }
    let in_front = host.strip_suffix(domain).unwrap_or_default();
    let labels = in_front.split(['.', '-']).map(look);
    if labels.into_iter().any(|label| label == known) {
        return Some((2, How::InFront));
    }
    None
}

/// What a link is; an error if it is none.
pub fn judge_link(link: &str, protected: &[String]) -> Result<(String, Verdict), url::ParseError> {
    let url = Url::parse(link).or_else(|_| Url::parse(&format!("https://{link}")))?;
    let host = url.host_str().ok_or(url::ParseError::EmptyHost)?.to_string();
    let verdict = judge(&host, protected);
    Ok((host, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected() -> Vec<String> {
        PROTECTED.iter().map(ToString::to_string).collect()
    }

    fn finds(link: &str) -> Option<(String, How)> {
        match judge_link(link, &protected()).unwrap().1 {
            Verdict::LooksLike { domain, how } => Some((domain, how)),
            _ => None,
        }
    }

    #[test]
    fn look_alikes_are_named_with_whose_name_they_take() {
        for (link, domain, how) in [
            ("https://раураl.com/login", "paypal.com", How::SameLook),
            ("https://xn--80aa0cbo65f.com", "paypal.com", How::SameLook),
            ("http://paypa1.com", "paypal.com", How::SameLook),
            ("https://alípay.com", "alipay.com", How::SameLook),
            ("https://rnicrosoft.com", "microsoft.com", How::SameLook),
            ("https://alipya.com", "alipay.com", How::NearlyTheSame),
            ("https://paypal-secure.com", "paypal.com", How::Within),
            ("https://icbc-login.top/x", "icbc.com.cn", How::Within),
            ("https://icbc.com.cn.evil.example", "icbc.com.cn", How::InFront),
            ("https://www.cmbchina.vip", "cmbchina.com", How::OtherEnding),
            ("10086.cc", "10086.cn", How::OtherEnding),
        ] {
            assert_eq!(finds(link), Some((domain.to_string(), how)), "{link}");
        }
    }

    #[test]
    fn what_is_theirs_and_what_is_like_nothing_is_left_alone() {
        for link in [
            "https://www.alipay.com/x",
            "https://mybank.icbc.com.cn/",
            "https://example.org",
            "https://wikipedia.org",
            "https://www.bbc.co.uk",
            "https://rust-lang.org",
            "https://people.com.cn",
            "https://zhihu.com",
        ] {
            assert_eq!(finds(link), None, "{link}");
        }
        assert_eq!(judge("www.paypal.com", &protected()), Verdict::Own("paypal.com".into()));
    }

    #[test]
    fn nothing_that_is_typed_makes_it_fall_over() {
        for link in [
            "",
            " ",
            "http://",
            "http://[::1]/",
            "https://1.2.3.4",
            "xn--",
            "https://xn--a.com",
            "a..b",
            "。",
            "http://%",
        ] {
            let _ = judge_link(link, &protected());
        }
    }

    /// One change at each place of each name, by rules of its own: how many are found.
    #[test]
    fn nine_in_ten_of_single_changes_are_found() {
        const HOMOGLYPHS: [(char, &str); 12] = [
            ('a', "а"),
            ('e', "е"),
            ('o', "о"),
            ('p', "р"),
            ('c', "с"),
            ('x', "х"),
            ('i', "í"),
            ('l', "1"),
            ('o', "0"),
            ('a', "á"),
            ('n', "ñ"),
            ('u', "ü"),
        ];
        let (mut all, mut found) = (0, 0);
        for domain in PROTECTED.iter().filter(|d| d.split('.').next().unwrap().len() >= 5) {
            let (label, rest) = domain.split_once('.').unwrap();
            let chars: Vec<char> = label.chars().collect();
            let mut changed: Vec<String> = Vec::new();
            for i in 0..chars.len() {
                let with = |piece: &str| format!("{}{piece}{}", &label[..i], &label[i + 1..]);
                changed.push(with(""));
                changed.push(with(&format!("{0}{0}", chars[i])));
                changed.extend(HOMOGLYPHS.iter().filter(|(c, _)| *c == chars[i]).map(|(_, to)| with(to)));
                if i + 1 < chars.len() && chars[i] != chars[i + 1] {
                    let mut swapped = chars.clone();
                    swapped.swap(i, i + 1);
                    changed.push(swapped.into_iter().collect());
                }
            }
            for label in changed {
                all += 1;
                let (host, _) = idna::domain_to_ascii(&format!("{label}.{rest}"))
                    .map_or((String::new(), ()), |a| (a, ()));
                found += i32::from(finds(&format!("https://{host}")).is_some());
            }
        }
        assert!(all > 300, "{all}");
        assert!(found * 10 >= all * 9, "{found} of {all}");
    }
}
