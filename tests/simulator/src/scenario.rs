//! A scenario: the properties of a world and what happens in it, as a file of lines.
//!
//! ```text
//! # What it shows.
//! world noise=7 latency=1000
//! a write 0 set /k 1
//! pass 20
//! b expect 0 /k 1
//! ```
//! Empty lines and lines that begin with `#` say nothing; the first of these is the title. The end of every scenario is that the faults stop and
//! everything comes to rest.

use crate::event::Event;
use crate::knobs::Knobs;
use std::fmt;

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What it shows.
    pub title: String,
    /// The properties of the world.
    pub knobs: Knobs,
    /// What happens.
    pub events: Vec<Event>,
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "# {}", self.title)?;
        let (mut knobs, mut plain) = (self.knobs.clone(), Knobs::default());
        write!(out, "world")?;
        for ((name, value), (_, default)) in knobs.fields().into_iter().zip(plain.fields()) {
            if value != default {
                write!(out, " {name}={value}")?;
            }
        }
        writeln!(out)?;
        self.events.iter().try_for_each(|event| writeln!(out, "{event}"))
    }
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// The number of the line that is not understood, and why.
    pub fn read(text: &str) -> Result<Scenario, String> {
        let mut scenario = Scenario { title: String::new(), knobs: Knobs::default(), events: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let read = match line.strip_prefix('#') {
                Some(title) => {
                    if scenario.title.is_empty() {
                        scenario.title = title.trim().to_owned();
                    }
                    Ok(())
                }
                None if line.is_empty() => Ok(()),
                None => match line.strip_prefix("world") {
                    Some(fields) => read_knobs(&mut scenario.knobs, fields),
                    None => Event::read(line).map(|event| scenario.events.push(event)),
                },
            };
            read.map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        Ok(scenario)
    }
}

fn read_knobs(knobs: &mut Knobs, text: &str) -> Result<(), String> {
    for word in text.split_whitespace() {
        let field = word.split_once('=').and_then(|(name, value)| Some((name, value.parse().ok()?)));
        let Some((name, value)) = field else { return Err(format!("{word:?} is not NAME=NUMBER")) };
        let mut fields = knobs.fields();
        let known = fields.iter_mut().find(|(known, _)| *known == name);
        *known.ok_or_else(|| format!("a world has no {name:?}"))?.1 = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read_as_it_was_written() {
        for seed in 0..50 {
            let scenario = crate::draw::draw(seed);
            let text = scenario.to_string();
            let again = Scenario::read(&text).unwrap();
            assert_eq!(again.to_string(), text);
            assert_eq!(again.knobs, scenario.knobs);
        }
        assert!(Scenario::read("world colour=3").unwrap_err().contains("line 1"));
        assert!(Scenario::read("# t\nfly").unwrap_err().contains("line 2"));
    }
}
