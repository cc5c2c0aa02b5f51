//! What a password must be: long, and not one that is tried first. No mixture of characters is asked for, and no change by
//! the calendar: both make passwords worse (NIST SP 800-63B-4 §3.1.1.2).

use wire::Msisdn;
use zxcvbn::{Score, zxcvbn};

/// Least width: characters, of which a Chinese one counts as two.
pub const LEAST_WIDTH: usize = 15;
/// Longest, in octets: more is no better, and costs the server work.
pub const MOST_OCTETS: usize = 256;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Too short.
    Short,
    /// Too long.
    Long,
    /// Among those that are tried first, or soon guessed.
    Common,
    /// Made of the number, or of this service's name.
    Yours,
}

/// What Chinese users choose most, in pinyin and figures; longer passwords made by repeating or joining these are soon
/// guessed too.
const CHINESE: [&str; 60] = [
    "woaini",
    "woaini1314",
    "5201314",
    "1314520",
    "520520",
    "a5201314",
    "iloveyou",
    "woaiwojia",
    "woaiziji",
    "wodemima",
    "mima",
    "mima123",
    "zhongguo",
    "woaizhongguo",
    "beijing",
    "shanghai",
    "guangzhou",
    "shenzhen",
    "nihao",
    "nihao123",
    "nihaoma",
    "laopo",
    "laogong",
    "baobei",
    "baobao",
    "qinaide",
    "xiaoming",
    "xiaohong",
    "wangyang",
    "zhangwei",
    "wangwei",
    "liwei",
    "lifang",
    "zhangsan",
    "lisi",
    "wangwu",
    "qq123456",
    "weixin",
    "weixin123",
    "zhifubao",
    "taobao",
    "aliyun",
    "baidu",
    "yidong",
    "liantong",
    "dianxin",
    "shouji",
    "shoujihao",
    "haoma",
    "admin",
    "root123",
    "woshishui",
    "caonima",
    "shabi",
    "diaosi",
    "gongxi",
    "facai",
    "gongxifacai",
    "88888888",
    "66666666",
];

const OURS: [&str; 4] = ["simward", "shouhao", "守号", "password"];

fn width(password: &str) -> usize {
    password.chars().map(|c| if ('\u{2e80}'..='\u{9fff}').contains(&c) { 2 } else { 1 }).sum()
}

/// What is left of a password when the words that are tried first are taken out.
fn without_common(password: &str) -> String {
    let mut rest = password.to_lowercase();
    let mut words = CHINESE;
    words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        rest = rest.replace(word, "");
    }
    rest
}

/// Whether a password may be used for the account of this number.
pub fn judge(password: &str, number: &Msisdn) -> Result<(), Weak> {
    if password.len() > MOST_OCTETS {
        return Err(Weak::Long);
    }
    if width(password) < LEAST_WIDTH {
        return Err(Weak::Short);
    }
    let lower = password.to_lowercase();
    let digits = number.as_str();
    let national = digits.get(digits.len().saturating_sub(8)..).unwrap_or(digits);
    let without_ours =
        OURS.iter().fold(lower.clone(), |rest, word| rest.replace(word, "")).replace(national, "");
    if width(&without_ours) < LEAST_WIDTH / 2 {
        return Err(Weak::Yours);
    }
    // A sequence of runs and repeats is worth what is different in it.
    let different: std::collections::HashSet<char> = lower.chars().collect();
    if different.len() < 5 || width(&without_common(password)) < LEAST_WIDTH / 2 {
        return Err(Weak::Common);
    }
    if zxcvbn(password, &[digits, national]).score() < Score::Three {
        return Err(Weak::Common);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weak> {
        judge(password, &"8613800138000".parse().unwrap())
    }

    #[test]
    fn length_counts_and_a_chinese_character_counts_twice() {
        assert_eq!(judged("Tr0ub4dor&3"), Err(Weak::Short));
        assert_eq!(judged("correct horse battery staple"), Ok(()));
        assert_eq!(judged("床前明月光疑似地上霜"), Ok(()));
        assert_eq!(judged(&"x".repeat(300)), Err(Weak::Long));
    }

    #[test]
    fn what_is_tried_first_is_refused_in_both_languages() {
        for common in [
            "123456789012345",
            "qwertyuiopasdfgh",
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "woaini1314520520",
            "woaiwojiazhongguo",
            "5201314woaini1314",
            "gongxifacai888888",
            "qq123456weixin123",
            "8613800138000abc",
            "shouhao13800138000",
        ] {
            assert!(judged(common).is_err(), "{common}");
        }
    }

    #[test]
    fn no_mixture_of_characters_is_asked_for() {
        assert_eq!(judged("plain words in a long row"), Ok(()));
    }
}
