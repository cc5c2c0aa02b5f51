//! An amount of money: hundredths of a currency, never a fraction.

use std::fmt;
use std::str::FromStr;
use wire::Malformed;

/// So many hundredths of a currency. Written `0.30 GBP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    hundredths: u64,
    currency: [u8; 3],
}

const fn bad(why: &'static str) -> Malformed {
    Malformed::new("amount", why)
}

impl Money {
    /// How often this pays `price`; not at all in another currency.
    pub fn times(self, price: Self) -> u64 {
        if self.currency == price.currency {
            self.hundredths.checked_div(price.hundredths).unwrap_or(u64::MAX)
        } else {
            0
        }
    }

    /// Without `price`; `None` if there is less, or it is another currency.
    pub fn minus(self, price: Self) -> Option<Self> {
        let hundredths = self.hundredths.checked_sub(price.hundredths)?;
        (self.currency == price.currency).then_some(Self { hundredths, ..self })
    }

    /// With `more`; `None` in another currency.
    pub fn plus(self, more: Self) -> Option<Self> {
        let hundredths = self.hundredths.checked_add(more.hundredths)?;
        (self.currency == more.currency).then_some(Self { hundredths, ..self })
    }
}

impl FromStr for Money {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (amount, currency) = text.trim().split_once(' ').ok_or(bad("write it like `0.30 GBP`"))?;
        let currency: [u8; 3] =
            currency.trim().as_bytes().try_into().map_err(|_| bad("a currency is three capitals: GBP"))?;
        if !currency.iter().all(u8::is_ascii_uppercase) {
            return Err(bad("a currency is three capitals: GBP"));
        }
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "00"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(bad("write it like `0.30 GBP`, with at most two digits after the point"));
        }
        let hundredths = format!("{whole}{part:0<2}").parse().map_err(|_| bad("more than there is"))?;
        Ok(Self { hundredths, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = str::from_utf8(&self.currency).unwrap_or("???");
        write!(f, "{}.{:02} {currency}", self.hundredths / 100, self.hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_to_the_penny_or_not_at_all() {
        for (text, said) in [("0.30 GBP", "0.30 GBP"), ("10 USD", "10.00 USD"), ("1.5 EUR", "1.50 EUR")] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), said);
        }
        for bad in [
            "",
            "1",
            "1 gbp",
            "-1 GBP",
            "1.005 GBP",
            "1. GBP",
            ".5 GBP",
            "1 GBPX",
            "99999999999999999999 GBP",
        ] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pounds_pay_for_nothing_in_dollars() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        assert_eq!(money("1 GBP").times(money("0.30 GBP")), 3);
        assert_eq!(money("1 GBP").times(money("0.30 USD")), 0);
        assert_eq!(money("1 GBP").minus(money("1.01 GBP")), None);
        assert_eq!(money("1 GBP").minus(money("0.30 USD")), None);
        assert_eq!(money("1 GBP").plus(money("1 USD")), None);
    }
}
