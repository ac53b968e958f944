//! A workbook's package: its parts, its first sheet, and what the cells of
//! that refer to.

use std::collections::HashMap;
use std::io::Cursor;

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::archive::{key, open_archive, resolve};
use super::read::{XlsxFault, XlsxLimits};
use super::value::Format;
use super::xml::{Xml, XmlFault, attribute};

type Entry<'a, 'file> = ZipFile<'a, Cursor<&'file [u8]>>;

/// The most relations that are looked at: as many sheets are more than enough.
const MAX_RELATIONS: usize = 2_000;

/// A workbook that is being read.
#[derive(Debug)]
pub(crate) struct Book<'file> {
    archive: ZipArchive<Cursor<&'file [u8]>>,
    /// The parts by their names, which are alike in any case.
    parts: HashMap<String, usize>,
    /// How much more may be unpacked, but for the sheet.
    left: u64,
    sheet: String,
    pub(crate) strings: Strings,
    pub(crate) formats: Vec<Format>,
    pub(crate) since_1904: bool,
}

/// The texts that cells share, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start as usize..end as usize)
    }
}

/// How one part refers to another.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl<'file> Book<'file> {
    pub(crate) fn open(file: &'file [u8], limits: &XlsxLimits) -> Result<Self, XlsxFault> {
        let mut archive = open_archive(file, limits)?;
        let mut parts = HashMap::with_capacity(archive.len());
        for at in 0..archive.len() {
            let entry = archive.by_index_raw(at).map_err(|_| XlsxFault::Broken { row: None })?;
            if entry.encrypted() {
                return Err(XlsxFault::Encrypted);
            }
            let name = entry.name().map_err(|_| XlsxFault::Broken { row: None })?;
            parts.insert(key(&name), at);
        }
        if archive.has_overlapping_files().unwrap_or(true) {
            return Err(XlsxFault::Broken { row: None });
        }
        let mut book = Self {
            archive,
            parts,
            left: limits.unpacked,
            sheet: String::new(),
            strings: Strings::default(),
            formats: Vec::new(),
            since_1904: false,
        };
        let package = book.relations("")?;
        let package = package.into_iter().find(|one| one.kind == "officeDocument");
        let workbook = package.ok_or(XlsxFault::NotWorkbook)?.target;
        let relations = book.relations(&workbook)?;
        let sheets = relations.iter().filter(|one| one.kind == "worksheet");
        let sheets = sheets.map(|one| (one.id.as_str(), one.target.as_str())).collect();
        book.read_workbook(&workbook, &sheets)?;
        let named = |kind: &str| {
            relations.iter().find(|one| one.kind == kind).map(|one| one.target.as_str())
        };
        if let Some(strings) = named("sharedStrings") {
            book.read_strings(strings, limits.cell)?;
        }
        if let Some(styles) = named("styles") {
            book.read_styles(styles)?;
        }
        Ok(book)
    }

    /// The first sheet, which may have so many bytes, and what its cells refer to.
    pub(crate) fn sheet(
        &mut self,
        most: u64,
    ) -> Result<(Xml<Entry<'_, 'file>>, &Strings, &[Format]), XlsxFault> {
        let at = *self.parts.get(&key(&self.sheet)).ok_or(XlsxFault::NotWorkbook)?;
        let entry = self.archive.by_index(at).map_err(|_| XlsxFault::Broken { row: None })?;
        Ok((Xml::new(entry, most), &self.strings, &self.formats))
    }

    /// Reads a part, if it is there.
    fn read<T>(
        &mut self,
        part: &str,
        read: impl FnOnce(&mut Xml<Entry<'_, 'file>>) -> Result<T, XmlFault>,
    ) -> Result<Option<T>, XlsxFault> {
        let Some(&at) = self.parts.get(&key(part)) else { return Ok(None) };
        let entry = self.archive.by_index(at).map_err(|_| XlsxFault::Broken { row: None })?;
        let mut xml = Xml::new(entry, self.left);
        let result = read(&mut xml)?;
        self.left = xml.left();
        Ok(Some(result))
    }

    /// What a part, or the package itself, refers to.
    fn relations(&mut self, of: &str) -> Result<Vec<Relation>, XlsxFault> {
        let (folder, name) = of.rsplit_once('/').unwrap_or(("", of));
        let read = self.read(&format!("{folder}/_rels/{name}.rels"), |xml| {
            let mut relations = Vec::new();
            loop {
                let element = match xml.next()? {
                    Event::Start(it) if it.local_name().as_ref() == "Relationship" => it,
                    Event::Eof => return Ok(relations),
                    _ => continue,
                };
                let kind = attribute(&element, "Type")?.unwrap_or_default();
                let kind = kind.rsplit('/').next().unwrap_or_default();
                if matches!(kind, "officeDocument" | "worksheet" | "sharedStrings" | "styles") {
                    let target = attribute(&element, "Target")?.unwrap_or_default();
                    if relations.len() == MAX_RELATIONS {
                        return Err(XmlFault::TooLarge);
                    }
                    relations.push(Relation {
                        id: attribute(&element, "Id")?.unwrap_or_default(),
                        kind: kind.to_owned(),
                        target: resolve(folder, &target),
                    });
                }
            }
        })?;
        read.ok_or(XlsxFault::NotWorkbook)
    }

    /// Finds the first sheet that is shown, or else the first. `sheets` are the
    /// parts by their relations.
    fn read_workbook(&mut self, part: &str, sheets: &HashMap<&str, &str>) -> Result<(), XlsxFault> {
        let read = self.read(part, |xml| {
            let (mut first, mut shown, mut since_1904) = (None, None, false);
            loop {
                match xml.next()? {
                    Event::Start(it) if it.local_name().as_ref() == "workbookPr" => {
                        if let Some(since) = attribute(&it, "date1904")? {
                            since_1904 = matches!(since.as_str(), "1" | "true" | "on");
                        }
                    }
                    Event::Start(it) if it.local_name().as_ref() == "sheet" => {
                        let id = attribute(&it, "id")?.unwrap_or_default();
                        let found = sheets.get(id.as_str()).map(|part| (*part).to_owned());
                        let hidden = attribute(&it, "state")?.is_some_and(|it| it != "visible");
                        if !hidden && shown.is_none() {
                            shown.clone_from(&found);
                        }
                        first = first.or(found);
                    }
                    Event::Eof => return Ok((shown.or(first), since_1904)),
                    _ => {}
                }
            }
        })?;
        let (sheet, since_1904) = read.ok_or(XlsxFault::NotWorkbook)?;
        self.sheet = sheet.ok_or(XlsxFault::NotWorkbook)?;
        self.since_1904 = since_1904;
        Ok(())
    }

    fn read_strings(&mut self, part: &str, most: usize) -> Result<(), XlsxFault> {
        let strings = self.read(part, |xml| {
            let mut strings = Strings::default();
            loop {
                match xml.next()? {
                    Event::Start(it) if it.local_name().as_ref() == "si" => {
                        xml.string(&mut strings.text, most)?;
                        let end = u32::try_from(strings.text.len());
                        strings.ends.push(end.map_err(|_| XmlFault::TooLarge)?);
                    }
                    Event::Eof => return Ok(strings),
                    _ => {}
                }
            }
        })?;
        self.strings = strings.unwrap_or_default();
        Ok(())
    }

    fn read_styles(&mut self, part: &str) -> Result<(), XlsxFault> {
        let formats = self.read(part, |xml| {
            let (mut own, mut formats, mut in_cells) = (HashMap::new(), Vec::new(), false);
            loop {
                match xml.next()? {
                    Event::Start(it) => match it.local_name().as_ref() {
                        "numFmt" => {
                            let id = attribute(&it, "numFmtId")?.and_then(|id| id.parse().ok());
                            let code = attribute(&it, "formatCode")?.unwrap_or_default();
                            own.extend(id.map(|id: u32| (id, Format::of(&code))));
                        }
                        "cellXfs" => in_cells = true,
                        "xf" if in_cells => {
                            let id = attribute(&it, "numFmtId")?.and_then(|id| id.parse().ok());
                            let id: u32 = id.unwrap_or_default();
                            let format = own.get(&id).copied();
                            formats.push(format.unwrap_or_else(|| Format::known(id)));
                        }
                        _ => {}
                    },
                    Event::End(it) if it.local_name().as_ref() == "cellXfs" => in_cells = false,
                    Event::Eof => return Ok(formats),
                    _ => {}
                }
            }
        })?;
        self.formats = formats.unwrap_or_default();
        Ok(())
    }
}
