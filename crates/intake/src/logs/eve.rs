//! JSON lines: Suricata's EVE, and Windows events as agents send them (flat, or under `winlog`).

use super::event::Deed;
use super::fields::Fields;
use model::Timestamp;
use serde_json::Value;

/// A line of EVE JSON.
pub(crate) struct Eve {
    pub deed: Deed,
    pub at: Option<Timestamp>,
    /// 1 the worst, as rules' authors grade them.
    pub severity: Option<u8>,
    /// `src_ip`, `dest_ip`, `dest_port`.
    pub fields: Fields,
}

/// Reads an object; `None` for anything else.
pub(crate) fn object(text: &str) -> Option<Value> {
    // `@cee:` marks JSON within syslog.
    let text = text.trim_start().trim_start_matches("@cee:").trim_start();
    // The reader allows 128 levels of nesting, and the line is bounded.
    text.starts_with('{').then(|| serde_json::from_str(text).ok())?
}

/// Reads an object as EVE; `None` where it is none.
pub(crate) fn read(object: &Value) -> Option<Eve> {
    let kind = object.get("event_type")?.as_str()?;
    let deed = match kind {
        "alert" => Deed::AttackSeen,
        "anomaly" => Deed::OddTraffic,
        "drop" => Deed::ConnectionBlocked,
        "flow" | "netflow" => Deed::Connected,
        _ => Deed::Other,
    };
    let mut fields = Fields::default();
    for key in ["src_ip", "dest_ip", "dest_port"] {
        take(&mut fields, key, object.get(key));
    }
    let severity = object.pointer("/alert/severity").and_then(Value::as_u64);
    // Suricata writes `2026-01-01T00:05:00.123456+0000`.
    let at = object.get("timestamp").and_then(Value::as_str).and_then(time);
    Some(Eve { deed, at, severity: severity.and_then(|grade| u8::try_from(grade).ok()), fields })
}

fn time(text: &str) -> Option<Timestamp> {
    let offset = text.len().checked_sub(2)?;
    let with_colon = || Some(format!("{}:{}", text.get(..offset)?, text.get(offset..)?));
    Timestamp::parse(text).or_else(|| Timestamp::parse(&with_colon()?))
}

/// The fields of a Windows event that an agent sends as JSON: what is told apart stands at the top, in `winlog`, or in
/// `winlog.event_data` or `EventData`; the first counts.
pub(crate) fn windows(object: &Value) -> Option<Fields> {
    let inside = object.get("winlog");
    let places = [
        Some(object),
        inside,
        inside.and_then(|inside| inside.get("event_data")),
        object.get("EventData"),
        object.pointer("/event/data"),
    ];
    let mut fields = Fields::default();
    for (key, value) in places.into_iter().flatten().filter_map(Value::as_object).flatten() {
        take(&mut fields, key, Some(value));
    }
    fields.get(&["EventID", "event_id"]).is_some().then_some(fields)
}

fn take(fields: &mut Fields, key: &str, value: Option<&Value>) {
    match value {
        Some(Value::String(text)) => fields.put(key, text),
        Some(Value::Number(number)) => fields.put(key, &number.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_alert_of_suricata_is_read_and_what_is_no_event_of_its_is_not() {
        let line = r#"{"timestamp":"2026-01-01T00:05:00.123456+0000","flow_id":1,"event_type":"alert","src_ip":"10.0.0.7",
            "src_port":5,"dest_ip":"203.0.113.9","dest_port":445,"proto":"TCP",
            "alert":{"action":"allowed","gid":1,"signature_id":1,"rev":1,"signature":"made up","severity":1}}"#;
        let eve = read(&object(line).unwrap()).unwrap();
        assert_eq!((eve.deed, eve.severity), (Deed::AttackSeen, Some(1)));
        assert_eq!(eve.at, Timestamp::parse("2026-01-01T00:05:00.123Z"));
        assert_eq!(
            (eve.fields.get(&["src_ip"]), eve.fields.get(&["dest_port"])),
            (Some("10.0.0.7"), Some("445"))
        );
        assert!(object("[1]").is_none() && object("{").is_none());
        assert!(read(&object("{\"event_type\":1}").unwrap()).is_none());
    }

    #[test]
    fn windows_events_are_found_flat_and_nested() {
        for line in [
            r#"@cee: {"EventID":4625,"TargetUserName":"amara"}"#,
            r#"{"winlog":{"event_id":"4625","event_data":{"TargetUserName":"amara"}}}"#,
        ] {
            let fields = windows(&object(line).unwrap()).unwrap();
            assert_eq!(fields.get(&["EventID", "event_id"]), Some("4625"));
            assert_eq!(fields.get(&["TargetUserName"]), Some("amara"));
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_the_readers(text in "\\{[\"a-z:{}\\[\\],0-9é]{0,80}\\}?", key in "event_type|EventID|winlog") {
            for line in [text.clone(), format!("{{\"{key}\":{text}}}"), format!("{{\"{key}\":\"{key}\",\"timestamp\":\"é{key}\"}}")] {
                if let Some(object) = object(&line) {
                    let _ = (read(&object), windows(&object));
                }
            }
        }
    }
}
