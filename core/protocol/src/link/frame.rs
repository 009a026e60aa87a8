//! Frames: what one message is made of.
//!
//! A frame begins with a tag: its kind in the lower four bits, flags in the upper four. Frames that are sent all the time ([`Kind::Delta`],
//! [`Kind::Mark`], [`Kind::Ack`]) are laid out bit by bit; all others have a length, so that a kind from a newer version can be skipped.

use super::host::Offer;
use crate::error::Code;
use crate::estp::Stamp;
use crate::estp::half::{Fingerprint, Range, STRETCHES, Stretch};
use crate::estp::state::Digest;
use crate::etcp::{PairId, TicketId, TicketSecret};
use crate::limits;
use crate::value::Value;
use crate::wire::{Malformed, Reader, put_signed, put_value, put_varint, read_value};

/// The kinds of frames. The numbers are part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Cells of one Pair.
    Delta = 1,
    /// A part of the cells of one Pair, to be applied with the last part.
    Part = 2,
    /// Everything up to a number has been sent.
    Mark = 3,
    /// How far the sender has got.
    Ack = 4,
    /// Asks for a pong.
    Ping = 5,
    /// Answers a ping.
    Pong = 6,
    /// The link ends, for a reason.
    Close = 7,
    /// The next message is sealed under the next key.
    Rekey = 8,
    /// Asks for the Pair of a ticket.
    Redeem = 9,
    /// Offers a Pair.
    Offer = 10,
    /// Takes an offered Pair.
    Accept = 11,
    /// Refuses a ticket or a Pair.
    Refuse = 12,
    /// Something that may be skipped by who does not know it: its kind is the first byte of the body.
    Optional = 13,
}

/// Optional: the sender holds what came, because its stamp is too far ahead.
pub const HELD: u8 = 1;
/// Optional: what the sender's state is, now that it is clean.
pub const DIGEST: u8 = 2;
/// Optional: questions and answers that lead to the first path where two states differ.
pub const SEARCH: u8 = 4;
/// Optional: a half is to be sent anew.
pub const RESEED: u8 = 5;
/// Optional: a value that is shown while there is a link.
pub const EPHEMERAL: u8 = 3;

impl Kind {
    const ALL: [Kind; 13] = [
        Kind::Delta,
        Kind::Part,
        Kind::Mark,
        Kind::Ack,
        Kind::Ping,
        Kind::Pong,
        Kind::Close,
        Kind::Rekey,
        Kind::Redeem,
        Kind::Offer,
        Kind::Accept,
        Kind::Refuse,
        Kind::Optional,
    ];

    /// The kind in a tag, or the number that no kind has.
    ///
    /// # Errors
    /// The unknown number.
    pub fn from_tag(tag: u8) -> Result<Kind, u8> {
        let number = tag & 15;
        Kind::ALL.iter().copied().find(|kind| *kind as u8 == number).ok_or(number)
    }
}

/// Delta: the body reaches to the end of the message; otherwise its length stands before it.
pub const TO_THE_END: u8 = 0x10;
/// Delta: everything up to the number of its last candidate has been sent.
pub const MARK_IS_LAST: u8 = 0x20;
/// Delta: a mark follows the slot, as a difference from the last mark.
pub const MARK_FOLLOWS: u8 = 0x40;
/// Delta, Part and Mark: somebody waits for the acknowledgement.
pub const PROMPT: u8 = 0x80;
/// Ack: everything that its sender had issued before it applied what `held` acknowledges is in this message or was sent before it.
pub const PLACING: u8 = 0x10;
/// Ack: that is so for a smaller number; by how much it is smaller follows.
pub const PLACED_BEHIND: u8 = 0x20;
/// Mark: the sender asks for a placing acknowledgement.
pub const WANTS_PLACING: u8 = 0x10;
/// Part: it is the last one.
pub const LAST_PART: u8 = 0x10;

/// A frame that is sent now and then.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// Asks for a pong with the same token.
    Ping(u64),
    /// Answers a ping, and says what time it is, in ms since 1970, unless the token is 0.
    Pong(u64, Option<u64>),
    /// The link ends.
    Close(Code, String),
    /// The next message is sealed under the next key.
    Rekey,
    /// Asks for the Pair of a ticket.
    Redeem([u8; 16]),
    /// Offers a Pair.
    Offer(Offer),
    /// Takes the Pair in a slot.
    Accept(u64),
    /// Does not give the Pair of a ticket.
    RefuseTicket(TicketId, Code),
    /// Does not share the Pair in a slot.
    RefuseSlot(u64, Code),
    /// What the receiver sent is held here, unacknowledged, because its stamp is so many ms ahead of the clock.
    Held(u64),
    /// The sender shows a value in the Pair of that slot under a key, or nothing any more.
    Ephemeral(u64, String, Option<Value>),
    /// The state of the sender's half in a slot is clean, and this.
    Digest(u64, Fingerprint),
    /// Which stretches has the receiver in this range of paths?
    Ask(u64, Range),
    /// The stretches of a range.
    Answer(u64, Range, Vec<Stretch>),
    /// The first path that differs.
    Differs(u64, String),
    /// Asks for all that the receiver holds of the Pair in a slot (false), or says that it follows (true).
    Reseed(u64, bool),
    /// Something optional that this version does not know.
    Unknown(u8),
}

impl Frame {
    /// The frame that redeems a ticket.
    pub fn redeem(secret: &TicketSecret) -> Frame {
        Frame::Redeem(*secret.as_bytes())
    }

    fn kind(&self) -> Kind {
        match self {
            Frame::Ping(_) => Kind::Ping,
            Frame::Pong(..) => Kind::Pong,
            Frame::Close(..) => Kind::Close,
            Frame::Rekey => Kind::Rekey,
            Frame::Redeem(_) => Kind::Redeem,
            Frame::Offer(_) => Kind::Offer,
            Frame::Accept(_) => Kind::Accept,
            Frame::RefuseTicket(..) | Frame::RefuseSlot(..) => Kind::Refuse,
            Frame::Held(_)
            | Frame::Ephemeral(..)
            | Frame::Digest(..)
            | Frame::Ask(..)
            | Frame::Answer(..)
            | Frame::Differs(..)
            | Frame::Reseed(..)
            | Frame::Unknown(_) => Kind::Optional,
        }
    }

    /// Appends tag, length and body.
    pub fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Frame::Ping(number) | Frame::Pong(number, None) | Frame::Accept(number) => put_varint(&mut body, *number),
            Frame::Pong(token, Some(wall_ms)) => {
                put_varint(&mut body, *token);
                put_varint(&mut body, *wall_ms);
            }
            Frame::Close(code, text) => {
                put_signed(&mut body, code.number().into());
                body.extend_from_slice(text.as_bytes());
            }
            Frame::Rekey => {}
            Frame::Redeem(secret) => body.extend_from_slice(secret),
            Frame::Offer(offer) => {
                put_varint(&mut body, offer.slot);
                body.extend_from_slice(offer.pair.as_bytes());
                body.extend_from_slice(&offer.ticket.0);
                put_varint(&mut body, offer.name.len() as u64);
                body.extend_from_slice(offer.name.as_bytes());
                body.extend_from_slice(&offer.clock.bits().to_le_bytes());
                put_value(&mut body, &offer.schema);
            }
            Frame::RefuseTicket(ticket, code) => {
                body.push(0);
                body.extend_from_slice(&ticket.0);
                put_signed(&mut body, code.number().into());
            }
            Frame::RefuseSlot(slot, code) => {
                body.push(1);
                put_varint(&mut body, *slot);
                put_signed(&mut body, code.number().into());
            }
            Frame::Held(ahead_ms) => {
                body.push(HELD);
                put_varint(&mut body, *ahead_ms);
            }
            Frame::Ephemeral(slot, key, value) => {
                body.push(EPHEMERAL);
                put_varint(&mut body, *slot);
                put_varint(&mut body, key.len() as u64);
                body.extend_from_slice(key.as_bytes());
                value.iter().for_each(|value| put_value(&mut body, value));
            }
            other => put_comparison(&mut body, other),
        }
        out.push(self.kind() as u8);
        put_varint(out, body.len() as u64);
        out.extend_from_slice(&body);
    }

    /// Reads length and body of a frame of that kind. What a newer version adds behind the body is not looked at.
    ///
    /// # Errors
    /// [`Malformed`] for a body that does not follow the format.
    pub fn read(kind: Kind, reader: &mut Reader<'_>) -> Result<Frame, Malformed> {
        let length = reader.length(usize::MAX)?;
        let mut body = Reader::new(reader.bytes(length)?);
        Ok(match kind {
            Kind::Ping => Frame::Ping(body.varint()?),
            Kind::Pong => Frame::Pong(body.varint()?, if body.is_empty() { None } else { Some(body.varint()?) }),
            Kind::Close => {
                let code = read_code(&mut body)?;
                let text = String::from_utf8_lossy(body.rest()).chars().filter(|char| !char.is_control()).take(200).collect();
                Frame::Close(code, text)
            }
            Kind::Rekey => Frame::Rekey,
            Kind::Redeem => Frame::Redeem(body.array()?),
            Kind::Offer => Frame::Offer(Offer {
                slot: body.varint()?,
                pair: PairId::from_bytes(body.array()?),
                ticket: TicketId(body.array()?),
                name: body.text(limits::NAME_BYTES)?.to_owned(),
                clock: Stamp::from_bits(u64::from_le_bytes(body.array()?)),
                schema: read_schema(&mut body)?,
            }),
            Kind::Accept => Frame::Accept(body.varint()?),
            Kind::Refuse => match body.byte()? {
                0 => Frame::RefuseTicket(TicketId(body.array()?), read_code(&mut body)?),
                1 => Frame::RefuseSlot(body.varint()?, read_code(&mut body)?),
                _ => return Err(Malformed("refusal")),
            },
            Kind::Optional => read_optional(&mut body)?,
            Kind::Delta | Kind::Part | Kind::Mark | Kind::Ack => return Err(Malformed("frame")),
        })
    }
}

fn put_comparison(body: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Digest(slot, Fingerprint { vector, digest }) => {
            body.push(DIGEST);
            put_varint(body, *slot);
            body.extend_from_slice(&vector.to_le_bytes());
            body.extend_from_slice(&digest.0.to_le_bytes());
        }
        Frame::Ask(slot, range) => {
            body.push(SEARCH);
            put_varint(body, *slot);
            body.push(0);
            put_range(body, range);
        }
        Frame::Answer(slot, range, stretches) => {
            body.push(SEARCH);
            put_varint(body, *slot);
            body.push(1);
            put_range(body, range);
            for Stretch { first, count, sum } in stretches {
                put_text(body, first);
                put_varint(body, *count);
                body.extend_from_slice(&sum.to_le_bytes());
            }
        }
        Frame::Differs(slot, path) => {
            body.push(SEARCH);
            put_varint(body, *slot);
            body.push(2);
            put_text(body, path);
        }
        Frame::Reseed(slot, follows) => {
            body.push(RESEED);
            put_varint(body, *slot);
            body.push(u8::from(*follows));
        }
        Frame::Unknown(kind) => body.push(*kind),
        _ => {}
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_range(out: &mut Vec<u8>, (from, to): &Range) {
    put_text(out, from);
    out.push(u8::from(to.is_some()));
    to.iter().for_each(|to| put_text(out, to));
}

fn read_path(body: &mut Reader<'_>) -> Result<String, Malformed> {
    body.text(limits::PATH_BYTES).map(str::to_owned)
}

fn read_range(body: &mut Reader<'_>) -> Result<Range, Malformed> {
    let from = read_path(body)?;
    Ok((from, if body.byte()? == 0 { None } else { Some(read_path(body)?) }))
}

fn read_search(body: &mut Reader<'_>) -> Result<Frame, Malformed> {
    let slot = body.varint()?;
    Ok(match body.byte()? {
        0 => Frame::Ask(slot, read_range(body)?),
        1 => {
            let range = read_range(body)?;
            let mut stretches = Vec::new();
            while !body.is_empty() {
                if stretches.len() == STRETCHES {
                    return Err(Malformed("list of stretches"));
                }
                let (first, count) = (read_path(body)?, body.varint()?);
                stretches.push(Stretch { first, count, sum: u128::from_le_bytes(body.array()?) });
            }
            Frame::Answer(slot, range, stretches)
        }
        2 => Frame::Differs(slot, read_path(body)?),
        _ => return Err(Malformed("search")),
    })
}

fn read_optional(body: &mut Reader<'_>) -> Result<Frame, Malformed> {
    Ok(match body.byte()? {
        HELD => Frame::Held(body.varint()?),
        EPHEMERAL => {
            let (slot, key) = (body.varint()?, body.text(limits::PRESENCE_KEY_BYTES)?.to_owned());
            if body.left() > limits::PRESENCE_BYTES {
                return Err(Malformed("value of presence"));
            }
            Frame::Ephemeral(slot, key, if body.is_empty() { None } else { Some(read_value(body)?) })
        }
        DIGEST => {
            let (slot, vector) = (body.varint()?, u64::from_le_bytes(body.array()?));
            Frame::Digest(slot, Fingerprint { vector, digest: Digest(u128::from_le_bytes(body.array()?)) })
        }
        SEARCH => read_search(body)?,
        RESEED => Frame::Reseed(body.varint()?, body.byte()? != 0),
        unknown => Frame::Unknown(unknown),
    })
}

/// A code that this version does not know is told as a refusal: the peer is newer.
fn read_code(reader: &mut Reader<'_>) -> Result<Code, Malformed> {
    let number = i32::try_from(reader.signed()?).map_err(|_| Malformed("code"))?;
    Ok(Code::from_number(number).unwrap_or(Code::Refused))
}

fn read_schema(reader: &mut Reader<'_>) -> Result<Value, Malformed> {
    let before = reader.left();
    let schema = read_value(reader)?;
    if before - reader.left() > limits::SCHEMA_BYTES { Err(Malformed("schema")) } else { Ok(schema) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_put() {
        let ticket = TicketId([4; 8]);
        let offer = Offer {
            slot: 300,
            pair: PairId::from_bytes([5; 16]),
            name: "thermostat".into(),
            ticket,
            clock: Stamp::new(1 << 40, 3),
            schema: Value::object([("version", 1i64)]),
        };
        for frame in [
            Frame::Ping(7),
            Frame::Pong(u64::MAX, None),
            Frame::Held(10_001),
            Frame::Digest(7, Fingerprint { vector: 9, digest: Digest(1 << 100) }),
            Frame::Ask(7, (String::new(), Some("/a".into()))),
            Frame::Differs(7, "/a/b".into()),
            Frame::Reseed(7, true),
            Frame::Ephemeral(3, "cursor".into(), Some(Value::from(7i64))),
            Frame::Close(Code::Protocol, "why".into()),
            Frame::Rekey,
            Frame::Redeem([9; 16]),
            Frame::Offer(offer),
            Frame::Accept(2),
            Frame::RefuseTicket(ticket, Code::TicketUsed),
            Frame::RefuseSlot(1 << 40, Code::Refused),
        ] {
            let mut bytes = Vec::new();
            frame.put(&mut bytes);
            let mut reader = Reader::new(&bytes);
            let kind = Kind::from_tag(reader.byte().unwrap()).unwrap();
            assert_eq!(Frame::read(kind, &mut reader).unwrap(), frame);
            assert!(reader.is_empty());
            for cut in 1..bytes.len() {
                assert!(Frame::read(kind, &mut Reader::new(&bytes[1..cut])).is_err(), "{frame:?} cut to {cut}");
            }
        }
    }

    #[test]
    fn an_unknown_code_is_a_refusal() {
        let mut bytes = Vec::new();
        put_signed(&mut bytes, -9999);
        assert_eq!(read_code(&mut Reader::new(&bytes)), Ok(Code::Refused));
    }
}
