//! What can happen in a world, each with one line of text.

use crate::disk::Fate;
use crate::reference::Act;
use crate::rules::KINDS;
use crate::text;
use spook_protocol::value::Value;
use std::fmt;

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Time goes by, µs.
    Pass(u64),
    /// The program writes to a Pair.
    Write(usize, usize, Vec<Act>),
    /// The program wants its writes acknowledged soon.
    Hurry(usize),
    /// The program of an endpoint creates a Pair under a kind of schema, and the other one opens it by a ticket.
    Create(usize, u64),
    /// The power goes and comes back later: what was not synced has this fate.
    Crash(usize, Fate),
    /// The process is killed; the machine goes on.
    Kill(usize),
    /// The process ends in good order.
    Close(usize),
    /// The process starts.
    Start(usize),
    /// The power goes after so many more outputs: messages sent, deltas applied, batches durable.
    Fuse(usize, u64),
    /// The power goes within the next commit of the ledger, after so many operations of the disk.
    CommitFuse(usize, u64),
    /// The process stands still for so many ms.
    Suspend(usize, u64),
    /// The wall clock is set by so many ms.
    Shift(usize, i64),
    /// The wall clock is set to this time, Unix ms; it may lie before 1970.
    ClockAt(usize, i64),
    /// The wall clock counts in steps of so many ms.
    Coarse(usize, u64),
    /// Links break, and both ends see it.
    Cut,
    /// Links break, and only this end sees it.
    Vanish(usize),
    /// Nothing that this endpoint sends arrives, or it does again.
    Block(usize, bool),
    /// What this endpoint sends takes so many ms longer from now on.
    Clog(usize, u64),
    /// A bit of what this endpoint sent last is flipped on the way.
    Flip(usize, u64),
    /// The disk has room for so many more bytes, or as many as one likes.
    Room(usize, Option<u64>),
    /// A sync fails after so many that succeed.
    FailSync(usize, u64),
    /// The ledger is copied, as by a backup.
    Save(usize),
    /// The copy takes the place of the ledger, as a new file.
    Restore(usize),
    /// The faults end, and everything has to come to rest.
    Heal,
    /// A path of a Pair shows this value at an endpoint, or nothing.
    Expect(usize, usize, String, Option<Value>),
}

/// The names of the two endpoints.
pub const NAMES: [&str; 2] = ["a", "b"];

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |who: &usize| NAMES[*who];
        match self {
            Event::Pass(micros) if micros % 1000 == 0 => write!(out, "pass {}", micros / 1000),
            Event::Pass(micros) => write!(out, "pass {micros}us"),
            Event::Write(who, pair, acts) => {
                let acts: Vec<String> = acts.iter().map(show_act).collect();
                write!(out, "{} write {pair} {}", name(who), acts.join(" ; "))
            }
            Event::Hurry(who) => write!(out, "{} hurry", name(who)),
            Event::Create(who, kind) => write!(out, "{} create {kind}", name(who)),
            Event::Crash(who, fate) => write!(out, "{} crash {}", name(who), fate_name(*fate)),
            Event::Kill(who) => write!(out, "{} kill", name(who)),
            Event::Close(who) => write!(out, "{} close", name(who)),
            Event::Start(who) => write!(out, "{} start", name(who)),
            Event::Fuse(who, outputs) => write!(out, "{} fuse {outputs}", name(who)),
            Event::CommitFuse(who, operations) => write!(out, "{} commit-fuse {operations}", name(who)),
            Event::Suspend(who, ms) => write!(out, "{} suspend {ms}", name(who)),
            Event::Shift(who, ms) => write!(out, "{} shift {ms}", name(who)),
            Event::ClockAt(who, ms) => write!(out, "{} clock {ms}", name(who)),
            Event::Coarse(who, ms) => write!(out, "{} coarse {ms}", name(who)),
            Event::Cut => write!(out, "cut"),
            Event::Vanish(who) => write!(out, "{} vanish", name(who)),
            Event::Block(who, true) => write!(out, "{} block", name(who)),
            Event::Block(who, false) => write!(out, "{} unblock", name(who)),
            Event::Clog(who, ms) => write!(out, "{} clog {ms}", name(who)),
            Event::Flip(who, bit) => write!(out, "{} flip {bit}", name(who)),
            Event::Room(who, Some(bytes)) => write!(out, "{} room {bytes}", name(who)),
            Event::Room(who, None) => write!(out, "{} room any", name(who)),
            Event::FailSync(who, after) => write!(out, "{} fail-sync {after}", name(who)),
            Event::Save(who) => write!(out, "{} save", name(who)),
            Event::Restore(who) => write!(out, "{} restore", name(who)),
            Event::Heal => write!(out, "heal"),
            Event::Expect(who, pair, path, value) => {
                let value = value.as_ref().map_or("nothing".to_owned(), text::show);
                write!(out, "{} expect {pair} {} {value}", name(who), show_path(path))
            }
        }
    }
}

fn fate_name(fate: Fate) -> &'static str {
    Fate::NAMES.iter().find(|(_, known)| *known == fate).map_or("", |(name, _)| name)
}

/// The whole state has the empty path, which could not be seen in a line.
fn show_path(path: &str) -> &str {
    if path.is_empty() { "all" } else { path }
}

fn read_path(word: &str) -> String {
    if word == "all" { String::new() } else { word.to_owned() }
}

fn show_act(act: &Act) -> String {
    match act {
        Act::Set(path, value) => format!("set {} {}", show_path(path), text::show(value)),
        Act::Delete(path) => format!("delete {}", show_path(path)),
        Act::Increment(path, by) => format!("increment {path} {by}"),
        Act::Add(path, element) => format!("add {path} {}", text::show(element)),
        Act::Remove(path, element) => format!("remove {path} {}", text::show(element)),
    }
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    /// What cannot be understood.
    pub fn read(line: &str) -> Result<Event, String> {
        let wrong = || format!("not understood: {line:?}");
        let (head, rest) = split(line);
        match head {
            "pass" => return text::micros(rest).map(Event::Pass).ok_or_else(wrong),
            "cut" => return Ok(Event::Cut),
            "heal" => return Ok(Event::Heal),
            _ => {}
        }
        let who = NAMES.iter().position(|name| *name == head).ok_or_else(wrong)?;
        let (verb, rest) = split(rest);
        read_of(who, verb, rest).ok_or_else(wrong)
    }
}

/// Reads what happens to one endpoint.
fn read_of(who: usize, verb: &str, rest: &str) -> Option<Event> {
    let number = || rest.parse::<u64>().ok();
    Some(match verb {
        "write" => {
            let (pair, acts) = split(rest);
            let acts = acts.split(" ; ").map(read_act).collect::<Option<Vec<Act>>>()?;
            Event::Write(who, pair.parse().ok()?, acts)
        }
        "hurry" => Event::Hurry(who),
        "create" => Event::Create(who, number().filter(|kind| *kind < KINDS)?),
        "crash" => Event::Crash(who, Fate::NAMES.iter().find(|(name, _)| *name == rest)?.1),
        "kill" => Event::Kill(who),
        "close" => Event::Close(who),
        "start" => Event::Start(who),
        "fuse" => Event::Fuse(who, number()?),
        "commit-fuse" => Event::CommitFuse(who, number()?),
        "suspend" => Event::Suspend(who, number()?),
        "shift" => Event::Shift(who, rest.parse().ok()?),
        "clock" => Event::ClockAt(who, rest.parse().ok()?),
        "coarse" => Event::Coarse(who, number()?),
        "vanish" => Event::Vanish(who),
        "block" => Event::Block(who, true),
        "unblock" => Event::Block(who, false),
        "clog" => Event::Clog(who, number()?),
        "flip" => Event::Flip(who, number()?),
        "room" if rest == "any" => Event::Room(who, None),
        "room" => Event::Room(who, Some(number()?)),
        "fail-sync" => Event::FailSync(who, number()?),
        "save" => Event::Save(who),
        "restore" => Event::Restore(who),
        "expect" => {
            let (pair, rest) = split(rest);
            let (path, value) = split(rest);
            let value = if value == "nothing" { None } else { Some(text::read(value)?) };
            Event::Expect(who, pair.parse().ok()?, read_path(path), value)
        }
        _ => return None,
    })
}

fn read_act(text: &str) -> Option<Act> {
    let (verb, rest) = split(text);
    let (path, value) = split(rest);
    match verb {
        "set" => Some(Act::Set(read_path(path), text::read(value)?)),
        "delete" => Some(Act::Delete(read_path(path))),
        "increment" => Some(Act::Increment(path.to_owned(), value.parse().ok()?)),
        "add" => Some(Act::Add(path.to_owned(), text::read(value)?)),
        "remove" => Some(Act::Remove(path.to_owned(), text::read(value)?)),
        _ => None,
    }
}

/// The first word and the rest.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(' ').map_or((line, ""), |(head, rest)| (head, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_shown() {
        for line in [
            "pass 20",
            "pass 1500us",
            r#"a write 0 set /k 1 ; set /o {"x":"PLAIN 1"} ; delete /d"#,
            "b write 1 set all {}",
            r#"b write 1 increment /hits/c -3 ; add /tags/t "PLAIN" ; remove /tags/t 1"#,
            "b write 1 set /big bytes(20000)",
            "a hurry",
            "a create 1",
            "a crash torn",
            "b kill",
            "a close",
            "a start",
            "a fuse 3",
            "a commit-fuse 2",
            "a suspend 6000",
            "a shift -3000",
            "a clock 4300000000000",
            "a coarse 100",
            "cut",
            "b vanish",
            "a block",
            "a unblock",
            "a clog 30",
            "a flip 77",
            "a room 100",
            "a room any",
            "a fail-sync 0",
            "a save",
            "a restore",
            "heal",
            "a expect 0 /k 5",
            "b expect 0 all nothing",
        ] {
            assert_eq!(Event::read(line).unwrap().to_string(), line);
        }
        assert!(Event::read("c write 0 set /k 1").is_err() && Event::read("a writ").is_err());
    }
}
