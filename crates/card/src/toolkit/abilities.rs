//! What a terminal said that it can do (TS 102 223 §5.2).

/// Bit by bit; what it did not say it cannot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities([u8; Self::OCTETS]);

/// An octet and a bit of the profile, both counted from 1 as the standard does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ability(usize, u8);

impl Ability {
    pub(super) const UCS2: Self = Self(2, 7);
    pub(super) const DISPLAY_TEXT: Self = Self(3, 1);
    pub(super) const GET_INPUT: Self = Self(3, 3);
    pub(super) const POLL_INTERVAL: Self = Self(3, 6);
    pub(super) const REFRESH: Self = Self(3, 8);
    pub(super) const SEND_SHORT_MESSAGE: Self = Self(4, 2);
    pub(super) const SET_UP_MENU: Self = Self(4, 6);
    /// Location and IMEI.
    pub(super) const LOCAL_INFORMATION: Self = Self(4, 7);
    pub(super) const SET_UP_EVENT_LIST: Self = Self(5, 1);
    pub(super) const LOCATION_STATUS: Self = Self(5, 5);
    pub(super) const ACCESS_TECHNOLOGY: Self = Self(6, 5);
    pub(super) const TIMER: Self = Self(8, 1);
    pub(super) const OPEN_CHANNEL: Self = Self(12, 1);
    pub(super) const UDP: Self = Self(17, 2);
    /// In GERAN and UTRAN; in E-UTRAN.
    pub(super) const NETWORK_REJECTION: [Self; 2] = [Self(25, 5), Self(25, 7)];
}

impl Abilities {
    /// Octets that are looked at.
    const OCTETS: usize = 25;

    /// Of the data of TERMINAL PROFILE.
    pub(super) fn new(profile: &[u8]) -> Self {
        let mut octets = [0; Self::OCTETS];
        octets.iter_mut().zip(profile).for_each(|(to, from)| *to = *from);
        Self(octets)
    }

    pub(super) fn has(&self, Ability(octet, bit): Ability) -> bool {
        octet.checked_sub(1).and_then(|n| self.0.get(n)).is_some_and(|octet| octet >> (bit - 1) & 1 == 1)
    }
}
