//! Files in the words of different systems. Everybody in them is made up.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use std::io::Write as _;

/// As Arbor names columns.
pub const ARBOR: &str = "\u{feff}Arbor Student ID,First name,Last name,Date of birth,Year group,Registration Form\r\n\
                         0001,Amara,Thistlewick,01/09/2017,Year 4,4B\r\n\
                         0002,Zoë,O’Sample,12/10/2018,Year 3,3A\r\n\
                         0003,Bo,Dunmoss,03/03/2022,Reception,RH\r\n";

/// As SIMS names columns, with every mistake that a row can have.
pub const WITH_MISTAKES: &str = "Willow First School: all pupils on 20/11/2026,,,,,,\n\
    \n\
    Adno,Legal Surname,Legal Forename,DOB,Year,Reg,Date of Leaving\n\
    1001,Thistlewick,Amara,01/09/2017,4,4B,\n\
    1002,Dunmoss,Bo,12/31/2015,3,3A,\n\
    1003,Sample,Cleo,03/03/2022,Year 99,RH,\n\
    ,Nobody,Dee,03/03/2018,4,4B,\n\
    1005,Double,Eli,03/03/2018,4,4B,\n\
    1005,Other,Finn,04/04/2018,4,4B,\n\
    1.01E+03,Round,Gus,04/04/2018,4,4B,\n\
    1008,Twice,Hope,05/05/2018,4,4A,\n\
    1008,Twice,Hope,05/05/2018,4,4B,\n\
    1009,,,05/05/2018,4,4B,\n\
    1010,Gone,Ida,05/05/2018,4,4B,20/11/2026\n\
    1011,Later,Jo,05/05/2018,4,4B,23/07/2027\n\
    1012,Short,Kit,05/05/18,4,4B,\n";

/// A page of students and one of employees.
pub const WONDE: &str = r#"{"data":[
  {"id":"A111","mis_id":"1","forename":"Amara","surname":"Thistlewick","date_of_birth":{"date":"2017-09-01 00:00:00.000000"},
   "education_details":{"data":{"current_nc_year":"4"}},
   "classes":{"data":[{"id":"C1","name":"4B/Ma"}]},"group":{"data":{"name":"4B"}}},
  {"id":"A112","forename":"Bo","surname":"Dunmoss","education_details":{"data":{"current_nc_year":"elsewhere"}}},
  {"forename":"No","surname":"Id"},
  {"id":"A113","forename":"Cleo","surname":"Sample","year":{"data":{"code":"R"}},"date_of_birth":{"date":"soon"}},
  {"id":"E1","forename":"Tariq","surname":"Example","employment_details":{"data":{"current":true,"teaching_staff":true}},
   "classes":{"data":[{"id":"C1","name":"4B/Ma"}]}},
  {"id":"E2","forename":"Una","surname":"Example","employment_details":{"data":{"current":false,"teaching_staff":false}}}
 ],"meta":{"pagination":{"current_page":1,"more":false}}}"#;

/// A page of OneRoster 1.2's service.
pub const ONE_ROSTER_JSON: &str = r#"{"users":[
  {"sourcedId":"u1","status":"active","givenName":"Amara","familyName":"Thistlewick","grades":["4"],
   "roles":[{"roleType":"primary","role":"student","org":{"sourcedId":"s1"}}]},
  {"sourcedId":"u2","status":"tobedeleted","givenName":"Bo","familyName":"Dunmoss","grades":["3"],
   "roles":[{"roleType":"primary","role":"student","org":{"sourcedId":"s1"}}]},
  {"sourcedId":"u3","status":"active","givenName":"Tariq","familyName":"Example",
   "roles":[{"roleType":"primary","role":"teacher","org":{"sourcedId":"s1"}}]}
 ]}
 {"orgs":[{"sourcedId":"s1","name":"Willow First School","type":"school"}]}
 {"classes":[{"sourcedId":"c1","title":"4B","classType":"homeroom","school":{"sourcedId":"s1"},"terms":[{"sourcedId":"t1"}]}]}
 {"enrollments":[{"sourcedId":"e1","role":"student","user":{"sourcedId":"u1"},"class":{"sourcedId":"c1"}},
  {"sourcedId":"e2","role":"teacher","user":{"sourcedId":"u3"},"class":{"sourcedId":"c1"}}]}"#;

/// A ZIP archive.
pub fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (path, text) in files {
        let (mut entry, config) =
            archive.new_file(*path).compression_method(CompressionMethod::DEFLATE).start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
        writer.write_all(text.as_bytes()).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

/// OneRoster 1.1 with mistakes; `instead` puts other files in the place of its own.
pub fn one_roster_11(instead: &[(&str, &str)]) -> Vec<u8> {
    let own = [
        (
            "manifest.csv",
            "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,bulk\n",
        ),
        (
            "orgs.csv",
            "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n\
             s1,,,Willow First School,school,111111,\n\
             s2,,,Elder Junior School,school,222222,\n",
        ),
        (
            "academicSessions.csv",
            "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n\
             t0,,,2025-26,schoolYear,2025-09-01,2026-07-31,,2026\n\
             t1,,,2026-27,schoolYear,2026-09-01,2027-07-31,,2027\n",
        ),
        (
            "classes.csv",
            "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds\n\
             c1,,,4B,04,,4B,homeroom,,s1,t1\n\
             c2,,,4A,04,,4A,homeroom,,s1,t1\n\
             c3,,,Maths 4,04,,MA4,scheduled,,s1,t1\n\
             c4,,,3B of last year,03,,3B,homeroom,,s1,t0\n\
             c9,,,Elsewhere,04,,EL,homeroom,,s2,t1\n",
        ),
        (
            "users.csv",
            "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n\
             u1,,,true,s1,student,amara,,Amara,Thistlewick,,,,,,,04,\n\
             u2,,,true,s1,student,bo,,Bo,Dunmoss,,,,,,,04,\n\
             u3,,,true,s1,student,cleo,,Cleo,Sample,,,,,,,,\n\
             ,,,true,s1,student,dee,,Dee,Nobody,,,,,,,04,\n\
             u5,,,true,s1,student,eli,,Eli,Double,,,,,,,04,\n\
             u5,,,true,s1,student,finn,,Finn,Other,,,,,,,04,\n\
             u6,,,true,s1,teacher,tariq,,Tariq,Example,,,,,,,,\n\
             u7,,,true,s1,guardian,gus,,Gus,Parent,,,,,,,,\n\
             u8,,,true,s2,student,hope,,Hope,Elsewhere,,,,,,,04,\n\
             u9,,,true,s1,aide,una,,Una,Example,,,,,,,,\n",
        ),
        (
            "enrollments.csv",
            "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n\
             e1,,,c1,s1,u1,student,,,\n\
             e2,,,c2,s1,u1,student,,,\n\
             e3,,,c3,s1,u1,student,,,\n\
             e4,,,c1,s1,u6,teacher,true,,\n\
             e5,,,c7,s1,u1,student,,,\n\
             e6,,,c1,s1,u77,student,,,\n\
             e7,,,c4,s1,u2,student,,,\n\
             e8,,,c2,s1,u2,student,,,\n",
        ),
    ];
    let files: Vec<(&str, &str)> = own
        .iter()
        .map(|own| instead.iter().find(|(other, _)| *other == own.0).copied().unwrap_or(*own))
        .collect();
    zip(&files)
}

/// OneRoster 1.2: roles have a file of their own, and names that people go by a column.
pub fn one_roster_12() -> Vec<u8> {
    zip(&[
        ("manifest.csv", "propertyName,value\noneroster.version,1.2\nfile.users,delta\n"),
        (
            "orgs.csv",
            "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\ns1,,,Anything,school,1,\n",
        ),
        (
            "users.csv",
            "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns\n\
             u1,active,2026-11-01,true,amara,,Amaranta,Thistlewick,,,,,,,04,,,,Amara,,,s1,\n\
             u2,tobedeleted,2026-11-01,true,bo,,Bo,Dunmoss,,,,,,,04,,,,,,,s1,\n",
        ),
        (
            "roles.csv",
            "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\n\
             r1,active,2026-11-01,u1,primary,student,,,s1,\n",
        ),
        (
            "demographics.csv",
            "sourcedId,status,dateLastModified,birthDate,sex\nu1,active,2026-11-01,2017-09-01,\n",
        ),
    ])
}

/// A workbook with a title, merged classes, dates as numbers and an id as a number.
pub fn workbook() -> Vec<u8> {
    let sheet = r#"<?xml version="1.0" encoding="UTF-8"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>Pupils of Willow First School</t></is></c></row>
<row r="3"><c r="A3" t="inlineStr"><is><t>Student ID</t></is></c><c r="B3" t="inlineStr"><is><t>Forename</t></is></c><c r="C3" t="inlineStr"><is><t>Surname</t></is></c><c r="D3" t="inlineStr"><is><t>DOB</t></is></c><c r="E3" t="inlineStr"><is><t>Year</t></is></c><c r="F3" t="inlineStr"><is><t>Class</t></is></c></row>
<row r="4"><c r="A4"><v>1001</v></c><c r="B4" t="inlineStr"><is><t>Amara</t></is></c><c r="C4" t="inlineStr"><is><t>Thistlewick</t></is></c><c r="D4" s="1"><v>42979</v></c><c r="E4"><v>4</v></c><c r="F4" t="inlineStr"><is><t>4B</t></is></c></row>
<row r="5"><c r="A5"><v>1002</v></c><c r="B5" t="inlineStr"><is><t>Bo</t></is></c><c r="C5" t="inlineStr"><is><t>Dunmoss</t></is></c><c r="D5" t="inlineStr"><is><t>12/31/2017</t></is></c><c r="E5"><v>4</v></c></row>
<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far away</t></is></c></row>
</sheetData><mergeCells count="2"><mergeCell ref="A1:F1"/><mergeCell ref="F4:F5"/></mergeCells></worksheet>"#;
    zip(&[
        (
            "[Content_Types].xml",
            r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Pupils" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#,
        ),
        (
            "xl/styles.xml",
            r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ])
}
