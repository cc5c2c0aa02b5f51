//! Every class, instruction and parameter, with any data: an answer of the standard, no panic, never K.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use rand_chacha::rand_core::Rng as _;

/// Status words this card has, by what they may be combined with.
fn known(sw: u16, data: usize) -> bool {
    match sw {
        0x9000 => true,
        0x6101..=0x61ff => true,
        0x63c0..=0x63ca | 0x6c01..=0x6cff => data == 0,
        0x6282 | 0x6283 | 0x6285 | 0x62f1 | 0x63f1 | 0x6581 | 0x6700 | 0x6881..=0x6883 => data == 0,
        0x6981..=0x6986 | 0x6a80..=0x6a84 | 0x6a86 | 0x6a88..=0x6a8a => data == 0,
        0x6b00 | 0x6d00 | 0x6e00 | 0x9850 | 0x9862 | 0x9864 => data == 0,
        // As GSM says it.
        0x9f01..=0x9fff | 0x6701..=0x67ff | 0x9240 | 0x9400 | 0x9402 | 0x9404 | 0x9408 => data == 0,
        0x6f00 | 0x9804 | 0x9808 | 0x9810 | 0x9840 => data == 0,
        _ => false,
    }
}

/// Octets of memory that the process has, where the system says.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

/// Commands that make sense, more or less.
fn apdus() -> u64 {
    std::env::var("SIMWARD_APDUS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

#[test]
fn every_class_and_instruction_is_answered_and_k_is_never_in_the_answer() {
    let mut rng = rng(21);
    let secrets = [K, OPC].map(|t| hex::decode(t).unwrap());
    let mut terminal = Terminal::new();
    terminal.ready();
    let mut tried = 0u64;
    let mut check = |terminal: &mut Terminal, apdu: &[u8]| {
        let out = terminal.card.transmit(apdu, &mut terminal.rng);
        let (data, sw) = out.split_last_chunk::<2>().expect("always a status");
        let sw = u16::from_be_bytes(*sw);
        assert!(known(sw, data.len()), "{sw:04x} and {} octets to {}", data.len(), hex::encode(apdu));
        assert!(data.len() <= 256);
        for secret in &secrets {
            assert!(!out.windows(16).any(|w| w == secret), "a key left the card");
        }
        tried += 1;
    };
    for round in 0..3u32 {
        for cla in 0..=255u8 {
            for ins in 0..=255u8 {
                let mut apdu = vec![cla, ins, 0, 0];
                if round > 0 {
                    rng.fill_bytes(&mut apdu[2..4]);
                }
                match rng.next_u64() % 4 {
                    0 => {}
                    1 => apdu.push(rng.next_u32() as u8),
                    _ => {
                        let mut data = vec![0; (rng.next_u64() % 40) as usize];
                        rng.fill_bytes(&mut data);
                        apdu.push(data.len() as u8);
                        apdu.extend(data);
                    }
                }
                check(&mut terminal, &apdu);
            }
        }
    }
    // The instructions that exist, in the classes that exist, more often, and after what makes them meaningful.
    const INSTRUCTIONS: [u8; 28] = [
        0x04, 0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c, 0x32, 0x44, 0x47, 0x70, 0x76, 0x84, 0x88, 0xa2, 0xa4, 0xb0,
        0xb2, 0xc0, 0xc2, 0xcb, 0xd4, 0xd6, 0xdb, 0xdc, 0xe0, 0xe4, 0xf2,
    ];
    let fids = [0x3f00u16, 0x7fff, 0x6f07, 0x2fe2, 0x2f00, 0x6fe4, 0x6f7e, 0x5f3b, 0x4f20, 0x6f06];
    let mut early = None;
    for round in 0..apdus() {
        if round == apdus() / 10 {
            early = resident();
        }
        if round % 20_000 == 0 {
            // A fresh card: of the last one every code is blocked by now.
            let (medium, anchor) = terminal.card.into_parts();
            assert_eq!(Terminal::open(medium, anchor).card.lock(), None);
            terminal = Terminal::new();
        }
        if round % 200 == 0 {
            // Whoever put the card to sleep, or the PIN away, does not end the test.
            terminal.card.reset();
            terminal.card.reset();
            terminal.send(USIM);
            terminal.raw(&verify_apdu(PIN));
            terminal.raw(&verify_adm_apdu(ADM));
        }
        let mut apdu = vec![[0, 0, 0, 0, 0x80, 0x80, 0xa0, 0x01][(rng.next_u64() % 8) as usize]];
        apdu.push(INSTRUCTIONS[(rng.next_u64() % 28) as usize]);
        apdu.push([0, 0, 1, 4, 8, 9, 0x82, rng.next_u32() as u8][(rng.next_u64() % 8) as usize]);
        apdu.push([0, 1, 4, 4, 0x0c, 0x0a, 0x81, rng.next_u32() as u8][(rng.next_u64() % 8) as usize]);
        match rng.next_u64() % 3 {
            0 => apdu.push(rng.next_u32() as u8),
            1 => {
                apdu.push(2);
                apdu.extend(fids[(rng.next_u64() % 10) as usize].to_be_bytes());
            }
            _ => {
                let mut data = vec![0; (rng.next_u64() % 40) as usize];
                rng.fill_bytes(&mut data);
                apdu.push(data.len() as u8);
                apdu.extend(data);
            }
        }
        check(&mut terminal, &apdu);
    }
    assert_eq!(tried, 3 * 65_536 + apdus());
    if let (Some(early), Some(late)) = (early, resident()) {
        assert!(late < early + 2 * 1024 * 1024, "{early} octets of memory became {late}");
    }
    // And the card is none the worse for it: what was blocked is blocked, it opens, it tells its number.
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    assert_eq!(terminal.card.lock(), None);
    assert_eq!(terminal.raw("00b082000a"), "986800210000000010f79000");
}

#[test]
fn garbage_in_the_banks_never_panics() {
    let mut rng = rng(22);
    for i in 0..2_000u64 {
        let mut medium = card::medium::Memory::new();
        for bank in [card::medium::Bank::A, card::medium::Bank::B] {
            let mut noise = vec![0; (rng.next_u64() % 300) as usize];
            rng.fill_bytes(&mut noise);
            if noise.len() > 4 && i % 2 == 0 {
                noise[..4].copy_from_slice(b"SWC1");
            }
            *medium.bank_mut(bank) = noise;
        }
        let opened = card::Card::open(medium, card::medium::Counter(i % 3), device_key());
        if let Ok(card) = opened {
            assert!(card.lock().is_some());
        }
    }
}
