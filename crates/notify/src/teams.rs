//! The card that a Teams workflow posts to its channel: an Adaptive Card in the envelope that the workflow's trigger
//! "when a webhook request is received" takes.
//!
//! The workflow's address is its own key; there is nothing to sign with.

use crate::Message;
use serde_json::{Value, json};

/// The envelope with its one card.
pub(crate) fn card(message: &Message) -> String {
    let line = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut body: Vec<Value> = vec![json!({
        "type": "TextBlock",
        "text": message.heading(),
        "size": "Medium",
        "weight": "Bolder",
        "wrap": true,
    })];
    body.extend(message.sentences().iter().map(|sentence| line(sentence)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": [{ "type": "Action.OpenUrl", "title": "Sign in", "url": message.link() }],
            },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::message;
    use crate::{Call, MessageKind};
    use model::Severity;

    #[test]
    fn a_card_has_the_heading_the_sentences_and_one_button() {
        let message = message(MessageKind::Security, Severity::High, Call::First);
        let read: Value = serde_json::from_str(&card(&message)).unwrap();
        let content = &read["attachments"][0]["content"];
        assert_eq!(content["body"][0]["text"], "Security alert (high) at Larkfield First School");
        assert_eq!(content["body"].as_array().unwrap().len(), 1 + message.sentences().len());
        assert_eq!(content["actions"][0]["url"], message.link());
    }
}
