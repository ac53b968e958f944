//! Files that cannot be imported: each is refused as a whole, with the place.

use std::io::{Cursor, Write};

use nexo_core::model::{
    Duplicates, ErrorCode, ImportStatus, MAX_CSV, MIN_PIECE, NewImport, SheetFormat,
};

use super::{World, clients};

/// What is said of the file, after nothing of it was stored.
async fn refused(world: &World, new: NewImport, file: &[u8]) -> Vec<String> {
    let id = world.upload(new, file).await;
    let error = world.finish(id).await.expect_err("it is refused");
    assert_eq!(error.code(), ErrorCode::ValidationFailed);
    let import = world.importer.get(&world.scope, id).await.expect("it can be looked at");
    assert_eq!(import.status, ImportStatus::Failed);
    assert_eq!(import.detail, Some(error.to_string()));
    assert_eq!(import.errors, error.fields());
    assert_eq!(world.all().await, [], "nothing is stored");
    let again = world.importer.advance(&world.scope, id).await.expect_err("it stays refused");
    assert_eq!(again.fields(), error.fields());
    error.fields().iter().map(|it| format!("{} {}", it.field, it.message)).collect()
}

#[tokio::test]
async fn a_bad_file_names_row_and_column_and_stores_nothing() {
    let world = World::create().await;
    let good = "name,notes\nAda,x\n";
    let long = format!("{good}Bo,{}\n", "x".repeat(10 * 1024 * 1024));
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (
            b"name,notes\nM\xfcller,x\n".to_vec(),
            &["row 2, column 1 is not UTF-8; save the file as CSV in UTF-8"],
        ),
        (
            b"\xff\xfen\0a\0m\0e\0".to_vec(),
            &["row 1, column 1 is UTF-16; save the file as CSV in UTF-8"],
        ),
        (
            b"name,notes\nAda,x\nBo\nCy,x,y\n\nDi,z\n".to_vec(),
            &[
                "row 3, column 2 has 1 cells where the heading has 2",
                "row 4, column 3 has 3 cells where the heading has 2",
            ],
        ),
        (
            b"name,notes\nAda,x\nBo,\"y\nCy,z\n".to_vec(),
            &["row 3, column 2 opens a quote that never closes"],
        ),
        (long.into_bytes(), &["row 3, column 2 makes the row longer than 1 MiB"]),
        (b"\n\n".to_vec(), &["row 1 must have the names of the columns; the file has no row"]),
    ];
    for (file, expected) in cases {
        assert_eq!(refused(&world, clients(), &file).await, expected);
    }
    let unknown = refused(&world, clients(), b"name,Umsatz,name\nAda,1,x\n").await;
    assert!(unknown[0].starts_with("row 1, column 2 has the unknown heading \"Umsatz\""));
    assert_eq!(unknown[1], "row 1, column 3 gives the field name a second time");
    let keyless = NewImport { duplicates: Duplicates::Skip, ..clients() };
    assert_eq!(
        refused(&world, keyless, b"name\nAda\n").await,
        ["row 1 has no column for the field external_id"]
    );
}

/// U3: what is no workbook, or a bomb, is told so, and costs no memory.
#[tokio::test]
async fn u3_a_bad_workbook_stores_nothing() {
    let world = World::create().await;
    let xlsx = || NewImport { format: SheetFormat::Xlsx, ..clients() };
    let zeros = vec![b' '; 300 * 1024 * 1024];
    let sheet = [b"<worksheet><sheetData><row><c><v>".as_slice(), &zeros].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"name\nAda\n".to_vec(), "file cannot be imported: the file is no .xlsx workbook"),
        (
            [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 600]].concat(),
            "file cannot be imported: the file is an old .xls workbook: save it as .xlsx",
        ),
        (
            zip(&[("notes.txt", b"hello")]),
            "file cannot be imported: the file is a zip, but no .xlsx workbook with a sheet of cells",
        ),
        (workbook(&sheet), "row 1, column 1 cannot be imported: the cell or its row is too long"),
        (
            workbook(b"<worksheet><sheetData><row r='1'><c t='str'><v>name</v></c></row><row"),
            "row 1 cannot be imported: the workbook is damaged or incomplete",
        ),
        (
            workbook(b"<worksheet><sheetData/></worksheet>"),
            "row 1 must have the names of the columns; the file has no row",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(refused(&world, xlsx(), &file).await, [expected]);
    }
    let ragged = "<worksheet><sheetData><row r='1'><c t='str'><v>name</v></c></row>\
        <row r='4'><c t='str'><v>Ada</v></c><c t='str'><v>x</v></c></row></sheetData></worksheet>";
    let told = refused(&world, xlsx(), &workbook(ragged.as_bytes())).await;
    assert_eq!(told, ["row 4, column 2 has 2 cells where the heading has 1"]);

    // Many columns and many blank rows make few bytes.
    let wide: String = (0..900).map(|at| format!("<c t='str'><v>c{at}</v></c>")).collect();
    let wide = format!(
        "<worksheet><sheetData><row r='3'><c t='str'><v>name</v></c>{wide}</row>\
         <row r='60000'><c t='str'><v>Ada</v></c></row></sheetData></worksheet>"
    );
    let mapping = (0..900).map(|at| (format!("c{at}"), None)).collect();
    let new = NewImport { mapping, dry_run: true, ..xlsx() };
    assert!(world.importer.create(&world.scope, &new, None).await.is_err(), "too many mapped");
    let told = refused(&world, xlsx(), &workbook(wide.as_bytes())).await;
    assert_eq!(told.len(), 20);
    assert!(told[0].starts_with("row 3, column 2 has the unknown heading \"c0\""), "{}", told[0]);
}

/// The smallest workbook around a sheet.
fn workbook(sheet: &[u8]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/package/2006/relationships";
    let document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns='{relations}'><Relationship Id='r1' Type='{document}/{kind}' \
             Target='{target}'/></Relationships>"
        )
    };
    let book = format!(
        "<workbook xmlns='{main}' xmlns:r='{document}'><sheets>\
         <sheet name='a' sheetId='1' r:id='r1'/></sheets></workbook>"
    );
    zip(&[
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml").as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "sheet.xml").as_bytes()),
        ("xl/sheet.xml", sheet),
    ])
}

fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("in memory");
        zip.write_all(bytes).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

#[tokio::test]
async fn names_and_sizes_are_checked_before_the_file_comes() {
    let world = World::create().await;
    let mapping = |field: &str| [("x".to_owned(), Some(field.to_owned()))].into();
    let bad = [
        (NewImport::csv("imports", 1), "collection"),
        (NewImport::csv("clients", 0), "size"),
        (NewImport::csv("clients", MAX_CSV + 1), "size"),
        (NewImport { format: SheetFormat::Xlsx, size: 21 << 20, ..clients() }, "size"),
        (NewImport { key: "name".to_owned(), ..clients() }, "key"),
        (NewImport { mapping: mapping("account_id"), ..clients() }, "mapping.x"),
        (NewImport { file_name: Some("a\0b".to_owned()), ..clients() }, "file_name"),
    ];
    for (new, field) in bad {
        let error = world.importer.create(&world.scope, &new, None).await.expect_err(field);
        assert_eq!(error.code(), ErrorCode::ValidationFailed);
        assert_eq!(error.fields()[0].field, field);
    }
}

#[tokio::test]
async fn pieces_arrive_in_order_and_once() {
    let world = World::create().await;
    let file = format!("name\n{}", "Ada\n".repeat(MIN_PIECE));
    let size = file.len() as u64;
    let new = NewImport { size, ..clients() };
    let id = world.importer.create(&world.scope, &new, None).await.expect("made").into_inner().id;
    let write = async |offset: u64, piece: &[u8]| {
        let written = world.importer.write(&world.scope, id, offset, piece).await;
        written.map(|import| import.received).map_err(|error| error.code())
    };
    let (first, rest) = file.as_bytes().split_at(MIN_PIECE);
    let half = MIN_PIECE as u64;
    assert_eq!(write(0, &first[1..]).await, Err(ErrorCode::BadRequest), "too small");
    assert_eq!(write(half, rest).await, Err(ErrorCode::Conflict), "a gap");
    assert_eq!(write(0, first).await, Ok(half));
    assert_eq!(write(0, first).await, Ok(half), "again");
    assert_eq!(write(0, &[first, b"x"].concat()).await, Err(ErrorCode::Conflict), "another");
    let early = world.importer.advance(&world.scope, id).await.expect_err("not all is there");
    assert_eq!(early.code(), ErrorCode::Conflict);
    assert_eq!(write(half, &[rest, b"x"].concat()).await, Err(ErrorCode::BadRequest), "too much");
    assert_eq!(write(half, rest).await, Ok(size));
    assert_eq!(write(size, b"").await, Err(ErrorCode::Conflict), "nothing more");
}
