//! A phone in software: a card with power, and the radio door of a node.
//!
//! It does what phones do and decides nothing: challenges go to the card, messages into the card's EF_SMS, and the network
//! is told what became of them.

use crate::card::CardError;
use crate::card::files::{Holder, SMS};
use crate::card::terminal::{Terminal, TerminalError, Where};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wire::apdu::Status;
use wire::envelope::sms_pp_download;
use wire::radio::{Downlink, MAX_FRAME, Uplink};
use wire::sms::{
    Address, Cause, Deliver, Message, ProtocolIdentifier, Record, Relay, Submit, UserData, join,
};
use wire::{Imei, Imsi, Malformed, Msisdn, Plmn};

/// EF.IMSI (TS 31.102 §4.2.2).
const IMSI: &[u16] = &[0x7fff, 0x6f07];
/// How long a network may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of an attempt to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attach {
    /// The card answered as the network expected.
    Attached,
    /// The network serves no phone with this card; in its words.
    RefusedByNetwork(String),
    /// The card gives nothing away.
    RefusedByCard(u16),
}

impl Attach {
    /// Whether the network turned the phone away.
    pub(crate) const fn by_network(&self) -> bool {
        matches!(self, Self::RefusedByNetwork(_))
    }
}

/// Where a phone is, and what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    /// Its own identity.
    pub(crate) imei: Imei,
    /// The network it hears.
    pub(crate) plmn: Plmn,
    /// The tracking area.
    pub(crate) area: u16,
}

/// A message that has come.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// To the holder: it lies in EF.SMS now.
    Text(Deliver),
    /// To the card, which has dealt with it; its status word.
    ForTheCard(Status),
}

/// The way to the network. Broken, it is of no use any more; a phone then attaches anew.
pub(crate) struct Radio {
    stream: UnixStream,
    buffer: Vec<u8>,
}

/// Why a phone could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PhoneError {
    /// The way to the network.
    #[error("the network cannot be reached: {0}")]
    Network(#[from] io::Error),
    /// It speaks in tongues.
    #[error("the network's words make no sense: {0}")]
    Nonsense(#[from] Malformed),
    /// The card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The network serves no phone with this card.
    #[error("refused by the network: {0}")]
    Refused(String),
    /// The card gives nothing away.
    #[error("refused by the card: {0:04x}{meaning}", meaning = if *.0 == 0x6982 { " (the PIN is needed)" } else { "" })]
    RefusedByCard(u16),
    /// The network did not take a message.
    #[error("the message was not taken: cause {0} of TS 24.011 table 8.4")]
    NotTaken(u8),
}

impl From<TerminalError> for PhoneError {
    fn from(error: TerminalError) -> Self {
        Self::Card(error.into())
    }
}

impl Radio {
    /// Tunes in.
    pub(crate) fn tune(path: &Path) -> io::Result<Self> {
        Ok(Self { stream: UnixStream::connect(path)?, buffer: Vec::new() })
    }

    fn send(&mut self, frame: &Uplink) -> Result<(), PhoneError> {
        Ok(self.stream.write_all(&frame.to_bytes()?)?)
    }

    /// The next frame, if one comes in time.
    fn receive(&mut self, patience: Duration) -> Result<Option<Downlink>, PhoneError> {
        let until = Instant::now() + patience;
        loop {
            if let Some((length, rest)) = self.buffer.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if length > MAX_FRAME {
                    return Err(Malformed::new("radio frame", "longer than frames are").into());
                }
                if let Some(frame) = rest.get(..length) {
                    let frame = Downlink::parse(frame)?;
                    self.buffer.drain(..length + 2);
                    return Ok(Some(frame));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && !patience.is_zero() {
                return Ok(None);
            }
            self.stream.set_nonblocking(patience.is_zero())?;
            if !patience.is_zero() {
                self.stream.set_read_timeout(Some(left))?;
            }
            let mut chunk = [0; MAX_FRAME];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(n) => self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn answer(&mut self) -> Result<Downlink, PhoneError> {
        let silent = || io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
        Ok(self.receive(PATIENCE)?.ok_or_else(silent)?)
    }

    /// Attaches with the card: each challenge is the card's to answer.
    pub(crate) fn attach(
        &mut self,
        card: &mut Terminal<'_>,
        imsi: Imsi,
        at: Surroundings,
    ) -> Result<Attach, PhoneError> {
        let Surroundings { imei, plmn, area } = at;
        // AUTHENTICATE is the USIM's, wherever in the card its user was last.
        card.select_usim()?;
        self.send(&Uplink::Attach { imsi, imei, plmn, area })?;
        loop {
            match self.answer()? {
                Downlink::Challenge { rand, autn } => match card.authenticate(&rand, &autn)? {
                    Ok(data) => self.send(&answer_of(&data)?)?,
                    Err(status) => {
                        let status = u16::from_be_bytes(status.to_bytes());
                        self.send(&Uplink::Unable(status))?;
                        return Ok(Attach::RefusedByCard(status));
                    }
                },
                Downlink::Accept => return Ok(Attach::Attached),
                Downlink::Reject(why) | Downlink::Release(why) => return Ok(Attach::RefusedByNetwork(why)),
                Downlink::Relay(_) => {}
            }
        }
    }

    /// The next message, stored in the card before the network is told that it is; `None` if none comes in time.
    pub(crate) fn message(
        &mut self,
        card: &mut Terminal<'_>,
        patience: Duration,
    ) -> Result<Option<Incoming>, PhoneError> {
        match self.receive(patience)? {
            Some(Downlink::Relay(Relay::Data { reference, originator, tpdu, .. })) => {
                let Ok(deliver) = Deliver::parse(&tpdu) else {
                    self.send(&Uplink::Relay(Relay::Error { reference, cause: Cause::INCORRECT }))?;
                    return Ok(None);
                };
                if deliver.protocol == ProtocolIdentifier::DATA_DOWNLOAD {
                    // Not for the holder: the card alone can open it, or nobody.
                    let (_, status) = card.envelope(&sms_pp_download(None, &tpdu))?;
                    self.send(&Uplink::Relay(Relay::Ack { reference }))?;
                    return Ok(Some(Incoming::ForTheCard(status)));
                }
                if store(card, &Record::unread(originator, deliver.clone()))? {
                    self.send(&Uplink::Relay(Relay::Ack { reference }))?;
                    return Ok(Some(Incoming::Text(deliver)));
                }
                self.send(&Uplink::Relay(Relay::Error { reference, cause: Cause::MEMORY_EXCEEDED }))?;
                Ok(None)
            }
            Some(Downlink::Release(why)) => Err(PhoneError::Refused(why)),
            _ => Ok(None),
        }
    }

    /// Sends a text. The phone names whom it is for; from whom it is, only the network knows.
    pub(crate) fn send_text(&mut self, to: &Msisdn, text: &str) -> Result<(), PhoneError> {
        for (reference, part) in (0..).zip(UserData::of_text(text, 0)?) {
            let tpdu = Submit::new(reference, Address::from(to), part).to_bytes()?;
            self.send(&Uplink::Relay(Relay::Data { reference, originator: None, destination: None, tpdu }))?;
            loop {
                match self.answer()? {
                    Downlink::Relay(Relay::Ack { reference: of }) if of == reference => break,
                    Downlink::Relay(Relay::Error { cause, .. }) => return Err(PhoneError::NotTaken(cause.0)),
                    Downlink::Release(why) => return Err(PhoneError::Refused(why)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// What the card said, for the network (TS 31.102 §7.1.2.1): DB and RES, or DC and AUTS.
fn answer_of(data: &[u8]) -> Result<Uplink, PhoneError> {
    match data {
        [0xdb, length, rest @ ..] => {
            let res =
                rest.get(..usize::from(*length)).ok_or(Malformed::new("AUTHENTICATE", "RES cut short"))?;
            Ok(Uplink::Response(res.to_vec()))
        }
        [0xdc, 14, auts @ ..] => {
            let auts =
                auts.try_into().map_err(|_| Malformed::new("AUTHENTICATE", "AUTS of another length"))?;
            Ok(Uplink::Resync(auts))
        }
        _ => Err(Malformed::new("AUTHENTICATE", "an answer that is none").into()),
    }
}

/// Writes a message into the first free record of EF_SMS; whether there was one.
fn store(card: &mut Terminal<'_>, record: &Record) -> Result<bool, PhoneError> {
    let octets = record.to_bytes()?;
    let Some(file) = card.select(SMS)? else { return Ok(false) };
    let length = file.record.unwrap_or_default();
    for number in 1..=file.records() {
        let found = card.read_record(number, length)?;
        if found.is_some_and(|found| Record::is_free(&found)) {
            card.update_record(number, &octets)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A message as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Who sent it, as the network says.
    pub(crate) from: String,
    /// What it says.
    pub(crate) text: String,
}

/// The messages in the card, each record read and freed.
pub(crate) fn take_messages(card: &mut Terminal<'_>) -> Result<Vec<Received>, PhoneError> {
    let Some(file) = card.select(SMS)? else { return Ok(Vec::new()) };
    let length = file.record.unwrap_or_default();
    let mut parts = Vec::new();
    for number in 1..=file.records() {
        let Some(found) = card.read_record(number, length)? else { continue };
        if let Ok(Some(Record { message: Message::Deliver(deliver), .. })) = Record::parse(&found) {
            parts.push(Received {
                from: deliver.originator.to_string(),
                text: join(std::slice::from_ref(&deliver.user_data))
                    .or_else(|| deliver.user_data.text())
                    .unwrap_or_default(),
            });
            card.update_record(number, &Record::FREE)?;
        }
    }
    Ok(parts)
}

/// The IMSI in the card; `None` if it is behind the PIN.
fn imsi_of(card: &mut Terminal<'_>) -> Result<Option<Imsi>, PhoneError> {
    let Some(file) = card.select(IMSI)? else { return Ok(None) };
    let Some(bytes) = card.read_binary(file.size)? else { return Ok(None) };
    // Length, then digits from the high half of the second octet on (TS 31.102 §4.2.2).
    let halves = bytes.iter().skip(1).flat_map(|octet| [octet & 0x0f, octet >> 4]).skip(1);
    let digits: String = halves.take_while(|half| *half < 10).map(|half| char::from(b'0' + half)).collect();
    Ok(Some(digits.parse()?))
}

/// A phone: puts the card in, attaches to a node, and shows the messages that come.
///
/// Messages are stored in the card; `simward card files` shows them later.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// The node's data folder: its radio door stands there.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
    /// The phone's own identity.
    #[arg(long, value_name = "DIGITS", default_value = "490154203237518")]
    imei: Imei,
    /// The network it hears: country and network code.
    #[arg(long, value_name = "DIGITS", default_value = "46000")]
    plmn: Plmn,
    /// The tracking area it is in.
    #[arg(long, default_value_t = 1)]
    area: u16,
    /// Go on for so many seconds, and end well.
    #[arg(long, value_name = "SECONDS")]
    r#for: Option<u64>,
    /// End when so many messages have come.
    #[arg(long, value_name = "COUNT")]
    messages: Option<u32>,
    /// Send a text to this number, and end.
    #[arg(long, value_name = "NUMBER", requires = "text")]
    send_to: Option<Msisdn>,
    /// The text to send.
    #[arg(long, value_name = "TEXT", requires = "send_to")]
    text: Option<String>,
}

/// Runs the phone.
pub(crate) fn run(args: &Args) -> Result<(), PhoneError> {
    let pin = args.holder.pin()?;
    let outcome = args.card.visit(|card| {
        card.select_usim()?;
        if let Some(pin) = &pin {
            card.verify(pin, args.holder.last_try)?;
        }
        Ok(on(args, card))
    });
    outcome?
}

/// What a stranger wrote moves no cursor and forges no line.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn on(args: &Args, card: &mut Terminal<'_>) -> Result<(), PhoneError> {
    let imsi = imsi_of(card)?.ok_or(PhoneError::RefusedByCard(0x6982))?;
    let mut radio = Radio::tune(&args.data.join("radio.sock"))?;
    let at = Surroundings { imei: args.imei, plmn: args.plmn, area: args.area };
    match radio.attach(card, imsi, at)? {
        Attach::Attached => println!("attached: IMSI {imsi}"),
        Attach::RefusedByNetwork(why) => return Err(PhoneError::Refused(why)),
        Attach::RefusedByCard(status) => return Err(PhoneError::RefusedByCard(status)),
    }
    if let (Some(to), Some(text)) = (&args.send_to, &args.text) {
        radio.send_text(to, text)?;
        println!("sent to +{to}");
        return Ok(());
    }
    let until = args.r#for.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut left = args.messages.unwrap_or(u32::MAX);
    while left > 0 && until.is_none_or(|until| Instant::now() < until) {
        if let Some(incoming) = radio.message(card, Duration::from_millis(200))? {
            match incoming {
                Incoming::Text(deliver) => {
                    let text = deliver.user_data.text().unwrap_or_default();
                    println!("{}: {}", plain(&deliver.originator.to_string()), plain(&text));
                }
                Incoming::ForTheCard(status) => println!("a message for the card itself: {status}"),
            }
            io::stdout().flush()?;
            left -= 1;
        }
    }
    Ok(())
}
