//! One part of a workbook: XML, read in bounded memory whatever it says.

use std::io::{self, BufReader, ErrorKind, Read};

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

use super::value::unescape;

/// The longest tag, comment or text between two tags, in bytes.
const MAX_PIECE: usize = 4 * 1024 * 1024;
/// How deep elements may lie in each other.
const MAX_DEPTH: usize = 64;

/// Why a part cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XmlFault {
    /// It unpacks to more than allowed.
    TooLarge,
    /// One text in it is longer than allowed.
    TooLong,
    /// It is no XML, or is cut off or damaged.
    Broken,
}

/// Lets so many bytes through in all, and so many at once.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    left: u64,
    piece: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let over = self.inner.read(&mut [0])? > 0;
            return if over { Err(ErrorKind::FileTooLarge.into()) } else { Ok(0) };
        }
        if self.piece == 0 {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = out.len().min(self.piece).min(left);
        let read = self.inner.read(&mut out[..most])?;
        self.left -= read as u64;
        self.piece -= read;
        Ok(read)
    }
}

/// Reads a part, event by event.
#[derive(Debug)]
pub(crate) struct Xml<R> {
    reader: Reader<BufReader<Bounded<R>>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<R: Read> Xml<R> {
    /// Reads a part that may have so many bytes.
    pub(crate) fn new(inner: R, left: u64) -> Self {
        let bounded = Bounded { inner, left, piece: MAX_PIECE };
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 * 1024, bounded));
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// How many bytes more it may have.
    pub(crate) fn left(&mut self) -> u64 {
        self.reader.get_mut().get_mut().left
    }

    /// What comes next. An empty element has a beginning and an end too.
    pub(crate) fn next(&mut self) -> Result<Event<'_>, XmlFault> {
        self.reader.get_mut().get_mut().piece = MAX_PIECE;
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| fault(&error))?;
        match event {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(XmlFault::Broken),
            _ => {}
        }
        if self.depth > MAX_DEPTH { Err(XmlFault::Broken) } else { Ok(event) }
    }

    /// Reads on to the end of the element that has just begun.
    pub(crate) fn skip(&mut self) -> Result<(), XmlFault> {
        let depth = self.depth;
        while self.depth >= depth {
            self.next()?;
        }
        Ok(())
    }

    /// Adds the text of the element that has just begun, of at most so many bytes.
    pub(crate) fn text(&mut self, text: &mut String, most: usize) -> Result<(), XmlFault> {
        let (depth, start) = (self.depth, text.len());
        while self.depth >= depth {
            match self.next()? {
                Event::Text(piece) => text.push_str(&piece.xml10_content()),
                Event::CData(piece) => text.push_str(&piece.xml10_content()),
                // No entity but XML's own five: a part cannot define any.
                Event::GeneralRef(name) => match resolve_predefined_entity(&name) {
                    Some(known) => text.push_str(known),
                    None => {
                        let known = name.resolve_char_ref().map_err(|_| XmlFault::Broken)?;
                        text.push(known.ok_or(XmlFault::Broken)?);
                    }
                },
                _ => {}
            }
            if text.len() - start > most {
                return Err(XmlFault::TooLong);
            }
        }
        Ok(())
    }

    /// Adds the text of a shared or inline string: its own, or that of its
    /// differently formatted runs, without how it is pronounced.
    pub(crate) fn string(&mut self, text: &mut String, most: usize) -> Result<(), XmlFault> {
        let (depth, start) = (self.depth, text.len());
        let mut run = String::new();
        while self.depth >= depth {
            let Event::Start(element) = self.next()? else { continue };
            match element.local_name().as_ref() {
                "t" => {
                    let kept = attribute(&element, "space")?.is_some_and(|it| it == "preserve");
                    run.clear();
                    self.text(&mut run, most)?;
                    let run = if kept { &run } else { run.trim_matches([' ', '\t', '\r', '\n']) };
                    text.push_str(&unescape(run));
                    if text.len() - start > most {
                        return Err(XmlFault::TooLong);
                    }
                }
                "rPh" => self.skip()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// An element's attribute, whatever its name's prefix.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, XmlFault> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| XmlFault::Broken)?;
        if attribute.key.local_name().as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            return Ok(Some(value.map_err(|_| XmlFault::Broken)?.into_owned()));
        }
    }
    Ok(None)
}

fn fault(error: &Error) -> XmlFault {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::FileTooLarge => XmlFault::TooLarge,
        Error::Io(error) if error.kind() == ErrorKind::QuotaExceeded => XmlFault::TooLong,
        _ => XmlFault::Broken,
    }
}
