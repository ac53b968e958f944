//! The zip that a workbook is in, looked at before it is opened.

use std::io::Cursor;

use zip::ZipArchive;

use super::read::{XlsxFault, XlsxLimits};

/// What begins an old `.xls` and, too, an encrypted workbook.
const OLE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
/// What begins each entry of a zip's directory.
const ENTRY: &[u8] = b"PK\x01\x02";
/// Opens the zip, if it is one, after its entries are counted: opening it takes
/// memory for each.
pub(crate) fn open_archive<'file>(
    file: &'file [u8],
    limits: &XlsxLimits,
) -> Result<ZipArchive<Cursor<&'file [u8]>>, XlsxFault> {
    if file.starts_with(&OLE) {
        let name: Vec<u8> = "EncryptedPackage".bytes().flat_map(|byte| [byte, 0]).collect();
        let encrypted = file.windows(name.len()).any(|window| window == name);
        return Err(if encrypted { XlsxFault::Encrypted } else { XlsxFault::OldXls });
    }
    if !file.starts_with(b"PK") {
        return Err(XlsxFault::NotXlsx);
    }
    let entries = file.windows(ENTRY.len()).filter(|window| *window == ENTRY);
    if entries.take(limits.parts + 1).count() > limits.parts {
        return Err(XlsxFault::TooManyParts);
    }
    let archive = ZipArchive::new(Cursor::new(file));
    let archive = archive.map_err(|_| XlsxFault::Broken { row: None })?;
    if archive.len() > limits.parts { Err(XlsxFault::TooManyParts) } else { Ok(archive) }
}

/// A part's name from what a part in the folder calls it.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { folder };
    let mut path: Vec<&str> = Vec::new();
    for step in folder.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => _ = path.pop(),
            step => path.push(step),
        }
    }
    path.join("/")
}

pub(crate) fn key(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_lowercase()
}
