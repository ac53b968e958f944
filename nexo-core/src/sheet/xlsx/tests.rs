//! Workbooks made by hand, and by the writer, as the reader finds them.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::put::XlsxCell::{Number, Text};
use super::put::sheet_name;
use super::read::{XlsxError, XlsxFault, XlsxLimits, read_xlsx};
use super::write::XlsxWriter;

const LIMITS: XlsxLimits = XlsxLimits::DEFAULT;
const RELATIONS: &str = r#"<Relationships><Relationship Id="r" Type="x/officeDocument" Target="/xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<workbook><sheets><sheet name="h" state="hidden" r:id="r9"/><sheet name="s" r:id="r1"/></sheets></workbook>"#;
const OF_WORKBOOK: &str = r#"<Relationships><Relationship Id="r9" Type="x/worksheet" Target="none.xml"/><Relationship Id="r1" Type="x/worksheet" Target="worksheets/../sheet1.xml"/><Relationship Id="r2" Type="x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r3" Type="x/styles" Target="styles.xml"/></Relationships>"#;

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).expect("it works");
        zip.write_all(content.as_bytes()).expect("it works");
    }
    zip.finish().expect("it works").into_inner()
}

/// A workbook whose sheet has these rows, and with other parts.
fn workbook(rows: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let sheet = format!(
        r#"<worksheet><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>"#
    );
    let own = [
        ("_rels/.rels", RELATIONS),
        ("xl/_rels/workbook.xml.rels", OF_WORKBOOK),
        ("XL/Sheet1.xml", sheet.as_str()),
    ];
    let default = [("xl/workbook.xml", WORKBOOK)];
    let default = default.iter().filter(|(name, _)| others.iter().all(|(other, _)| other != name));
    let parts: Vec<_> = own.iter().chain(default).chain(others).copied().collect();
    zipped(&parts)
}

fn read(file: &[u8], limits: &XlsxLimits) -> Result<Vec<Vec<String>>, XlsxFault> {
    let mut rows = Vec::new();
    let result = read_xlsx(file, limits, |row| {
        rows.push(row.to_vec());
        Ok::<(), ()>(())
    });
    match result {
        Ok(()) => Ok(rows),
        Err(XlsxError::Fault(fault)) => Err(fault),
        Err(XlsxError::Row(())) => unreachable!("all rows are taken"),
    }
}

fn cells(rows: &str, others: &[(&str, &str)]) -> Vec<Vec<String>> {
    read(&workbook(rows, others), &LIMITS).expect("it works")
}

fn fault(rows: &str) -> XlsxFault {
    read(&workbook(rows, &[]), &LIMITS).expect_err("it is refused")
}

#[test]
fn strings_are_read_wherever_they_are() {
    let strings = r#"<sst uniqueCount="100000000000000000"><si><t xml:space="preserve"> a </t></si><si/><si><r><rPr/><t>b&amp;</t></r><r><t>_x0041_</t></r><rPh><t>no</t></rPh></si></sst>"#;
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>1</v></c></row>
        <row><c t="inlineStr"><is><t> c<![CDATA[<&]]>&#233; </t></is></c><c t="str"><f>A1</f><v>d_x000D_</v></c><c t="e"><v>#N/A</v></c><c t="b"><v>1</v><extLst><v>7</v></extLst></c><c t="b"><v>0</v></c></row>"#;
    let parts = [("xl/sharedStrings.xml", strings)];
    let read_again: [&[&str]; 2] = [&[" a ", "", "b&A"], &["c<&é", "d\r", "#N/A", "true", "false"]];
    assert_eq!(cells(rows, &parts), read_again);
    assert_eq!(
        read(&workbook(r#"<row r="3"><c t="s"><v>5</v></c></row>"#, &parts), &LIMITS),
        Err(XlsxFault::Broken { row: Some(3) })
    );
}

#[test]
fn numbers_and_dates_are_read_as_they_are_shown() {
    let styles = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[hh]:mm"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf/></cellXfs></styleSheet>"#;
    let rows = r#"<row r="1"><c r="A1" s="0"><v>5.0</v></c><c r="B1" s="1"><v>46053</v></c><c r="C1" s="1"><v>46053.395833333336</v></c><c r="D1" s="2"><v>1.5</v></c><c r="E1" s="3"><v>-1.25e-3</v></c><c r="F1" t="d"><v>2026-01-31</v></c></row>"#;
    let mut shown =
        ["5", "2026-01-31", "2026-01-31T09:30:00", "36:00:00", "-0.00125", "2026-01-31"];
    let parts = [("xl/styles.xml", styles)];
    assert_eq!(cells(rows, &parts), [shown]);
    let since_1904 = WORKBOOK.replace("<sheets>", r#"<workbookPr date1904="1"/><sheets>"#);
    (shown[1], shown[2]) = ("2030-02-01", "2030-02-01T09:30:00");
    assert_eq!(cells(rows, &[parts[0], ("xl/workbook.xml", &since_1904)]), [shown]);
}

#[test]
fn blank_rows_keep_the_others_where_they_are() {
    let rows = r#"<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>0</v></c><c r="XFD2" s="1"/></row><row r="3"><c r="A3" t="str"><v></v></c></row><row r="5"><c r="A5"><v>2</v></c></row><row r="1048576"/>"#;
    assert_eq!(cells(rows, &[]), [&[][..], &["0", "1"], &[], &[], &["2"]]);
    assert!(cells("", &[]).is_empty());
    let result = read_xlsx(&workbook(rows, &[]), &LIMITS, |row| {
        if row.is_empty() { Ok(()) } else { Err("enough") }
    });
    assert_eq!(result, Err(XlsxError::Row("enough")));
}

#[test]
fn rows_and_cells_have_bounds() {
    let cell = |at: &str| format!(r#"<row r="7"><c r="{at}"><v>1</v></c></row>"#);
    assert_eq!(read(&workbook(&cell("ALL7"), &[]), &LIMITS).expect("it works")[6].len(), 1000);
    assert_eq!(fault(&cell("ALM7")), XlsxFault::TooManyColumns { row: 7 });
    assert_eq!(fault(&cell("ZZZZZZZZZZZZZZZZZZ7")), XlsxFault::Broken { row: Some(7) });
    assert_eq!(fault(&cell("7")), XlsxFault::Broken { row: Some(7) });
    assert_eq!(fault(&format!("{0}{0}", cell("A7"))), XlsxFault::Broken { row: Some(7) });
    assert_eq!(
        fault(&cell("A7").replace("r=\"7\"", "r=\"99999999999\"")),
        XlsxFault::Broken { row: None }
    );
    let far = cell("A7").replace("r=\"7\"", "r=\"4294967295\"");
    assert_eq!(fault(&far), XlsxFault::TooManyRows { row: u32::MAX });

    let text = |length| {
        format!(
            r#"<row r="1"><c r="C1" t="inlineStr"><is><t>{}</t></is></c></row>"#,
            "x".repeat(length)
        )
    };
    assert_eq!(cells(&text(LIMITS.cell), &[])[0][2].len(), LIMITS.cell);
    let long = XlsxFault::TooLong { row: 1, column: 2 };
    assert_eq!(fault(&text(LIMITS.cell + 1)), long);
    assert_eq!(fault(&text(10 * LIMITS.cell)), long);
    assert_eq!((long.row(), long.column()), (Some(1), Some(2)));

    // One shared text, many times.
    let strings = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(1000));
    let rows: String =
        (0..20).map(|_| format!("<row>{}</row>", r#"<c t="s"><v>0</v></c>"#.repeat(9))).collect();
    let file = workbook(&rows, &[("xl/sharedStrings.xml", &strings)]);
    assert_eq!(read(&file, &LIMITS).map(|rows| rows.len()), Ok(20));
    assert_eq!(
        read(&file, &XlsxLimits { row: 4000, ..LIMITS }),
        Err(XlsxFault::TooLong { row: 1, column: 4 })
    );
    assert_eq!(read(&file, &XlsxLimits { sheet: 50_000, ..LIMITS }), Err(XlsxFault::TooLarge));
}

#[test]
fn bombs_are_not_unpacked() {
    let small = XlsxLimits { unpacked: 100_000, sheet: 100_000, ..LIMITS };
    let sheet = format!("<row r=\"1\">{}</row>", "<c/>".repeat(50_000));
    let mut file = workbook(&sheet, &[]);
    assert_eq!(read(&file, &LIMITS), Ok(vec![]));
    assert_eq!(read(&file, &small), Err(XlsxFault::TooLarge));
    // With the lie that it is small it is not unpacked any further than that.
    let mut zip = ZipArchive::new(Cursor::new(&file)).expect("it works");
    let size =
        u32::try_from(zip.by_name("XL/Sheet1.xml").expect("it works").size()).expect("it works");
    for at in 0..file.len() - 4 {
        if file[at..at + 4] == size.to_le_bytes() {
            file[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
        }
    }
    assert_eq!(read(&file, &LIMITS), Err(XlsxFault::Broken { row: None }));

    let strings = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(200_000));
    let file = workbook("", &[("xl/sharedStrings.xml", &strings)]);
    assert_eq!(read(&file, &small), Err(XlsxFault::TooLarge));
    let deep = "<a>".repeat(200);
    assert_eq!(fault(&deep), XlsxFault::Broken { row: None });
    assert_eq!(
        read(&workbook("", &[]), &XlsxLimits { parts: 3, ..LIMITS }),
        Err(XlsxFault::TooManyParts)
    );
    // Entities that a part defines are none.
    let entities = r#"<row r="1"><c r="A1" t="str"><v>&b;</v></c></row>"#;
    assert_eq!(fault(entities), XlsxFault::Broken { row: Some(1) });
}

#[test]
fn what_is_no_workbook_is_told_apart() {
    let of = |file: &[u8]| read(file, &LIMITS).expect_err("it is refused");
    assert_eq!(of(b"name,kind\n"), XlsxFault::NotXlsx);
    assert_eq!(of(b""), XlsxFault::NotXlsx);
    let old = [&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1][..], &[0; 600]].concat();
    assert_eq!(of(&old), XlsxFault::OldXls);
    let name = "EncryptedPackage".bytes().flat_map(|byte| [byte, 0]);
    let encrypted: Vec<u8> = old.iter().copied().chain(name).collect();
    assert_eq!(of(&encrypted), XlsxFault::Encrypted);
    assert_eq!(of(&zipped(&[("a.txt", "a")])), XlsxFault::NotWorkbook);
    assert_eq!(of(&zipped(&[("_rels/.rels", RELATIONS)])), XlsxFault::NotWorkbook);
    assert_eq!(of(&workbook("", &[("xl/workbook.xml", "<workbook/>")])), XlsxFault::NotWorkbook);
    let file = workbook(r#"<row r="1"><c r="A1"><v>1</v></c></row>"#, &[]);
    for cut in [3, 100, file.len() / 2, file.len() - 1] {
        assert_eq!(of(&file[..cut]), XlsxFault::Broken { row: None }, "{cut}");
    }
    assert_eq!(fault("<row r=\"4\"><c></row>"), XlsxFault::Broken { row: Some(4) });
    // Nothing that is damaged makes it panic.
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        _ = read(&damaged, &LIMITS);
    }
    let rows = r#"<row r="2"><c r="B2" t="inlineStr" s="1"><is><t>a&#48;</t></is></c><c t="s"><v>1</v></c></row>"#;
    for (at, with) in (0..rows.len()).flat_map(|at| ["<", "&", "\"", "9", ""].map(|it| (at, it))) {
        let mut rows = rows.to_owned();
        rows.replace_range(at..=at, with);
        _ = read(&workbook(&rows, &[]), &LIMITS);
    }
}

#[test]
fn what_is_written_is_read_again() {
    let odd = [
        "=1+1",
        " a\tb\nc\r\nd ",
        "\0\u{1}\u{1f}\u{7f}",
        "_x000D_ _x005F_ _x_",
        "😀\u{FFFE}\u{FFFF}é",
        "<&>\"']]>",
        "'x",
        "007",
        "",
        "x",
    ];
    let mut writer = XlsxWriter::new("Clients & <co>");
    writer.row(odd.map(Text)).expect("it works");
    let mut file = writer.take();
    writer.row([]).expect("it works");
    let numbers = ["-12.5", "12345678901234567890", "1e400", "0.1", "1E3", "0", "-0.0"];
    writer.row([Text("")].into_iter().chain(numbers.map(Number))).expect("it works");
    let long = "é".repeat(32_768);
    let refused = writer.row([Text(""), Text(&long)]).expect_err("it is refused");
    assert!(refused.to_string().contains("column 2"), "{refused}");
    writer.row([Text(&long[2..])]).expect("it works");
    file.extend(writer.take());
    file.extend(writer.finish().expect("it works"));
    let rows = read(&file, &LIMITS).expect("it works");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0], odd);
    assert!(rows[1].is_empty());
    assert_eq!(rows[2], ["", "-12.5", "12345678901234567890", "1e400", "0.1", "1000", "0", "0"]);
    assert_eq!(rows[3], [&long[2..]]);
    assert_eq!(read(&XlsxWriter::new("").finish().expect("it works"), &LIMITS), Ok(vec![]));
}

#[test]
fn a_full_sheet_is_followed_by_another() {
    let mut writer = XlsxWriter::of("Clients", 3);
    for row in ["name", "a", "b", "c", "d", "e"] {
        writer.row([Text(row)]).expect("it works");
    }
    let file = writer.finish().expect("it works");
    assert_eq!(read(&file, &LIMITS).expect("it works"), [["name"], ["a"], ["b"]]);
    let mut zip = ZipArchive::new(Cursor::new(file)).expect("it works");
    let mut part = |name: &str| {
        let mut text = String::new();
        zip.by_name(name).expect("it works").read_to_string(&mut text).expect("it works");
        text
    };
    assert!(
        part("xl/workbook.xml").contains(r#"<sheet name="Clients 3" sheetId="3" r:id="rId3"/>"#)
    );
    let third = part("xl/worksheets/sheet3.xml");
    assert!(third.contains(r#"<c r="A1" t="inlineStr"><is><t xml:space="preserve">name<"#));
    assert!(third.contains(r#"<c r="A2" t="inlineStr"><is><t xml:space="preserve">e<"#));
}

#[test]
fn sheets_get_names_that_they_can_have() {
    for (name, first, tenth) in [
        ("Clients", "Clients", "Clients 10"),
        ("a/b[c]:*?\\", "a_b_c_____", "a_b_c_____ 10"),
        (" '' ", "Sheet", "Sheet 10"),
        ("history", "history_", "history_ 10"),
        (
            "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀x😀",
            "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀x",
            "😀😀😀😀😀😀😀😀😀😀😀😀😀😀 10",
        ),
    ] {
        assert_eq!([sheet_name(name, 1), sheet_name(name, 10)], [first, tenth]);
    }
}
