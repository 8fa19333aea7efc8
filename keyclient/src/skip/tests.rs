use super::key;
use crate::call::Call;
use crate::fault::{KmeFault, Message};
use kme_api::KeyTextError;
use kme_api::skip::Capabilities;

const ID: &str = "1726e9ae76234fb1dd1283d4dca1911e";

fn fault(json: &str) -> KmeFault {
    key(json.as_bytes(), Call::SkipKey).err().expect("a fault")
}

#[test]
fn a_key_is_read_from_hexadecimal_in_either_case() {
    let read = |hex: &str| {
        key(
            format!(r#"{{"keyId":"{ID}","key":"{hex}","x":1}}"#).as_bytes(),
            Call::SkipKey,
        )
    };
    for hex in ["00ff10ab", "00FF10Ab"] {
        let key = read(hex).ok().unwrap();
        assert_eq!(key.bytes.expose(), [0, 255, 16, 171]);
        assert_eq!(key.id.as_str(), ID);
        assert_eq!(key.origin, None, "SKIP has no word for it");
    }
}

#[test]
fn what_is_no_key_is_named_and_never_quoted() {
    assert_eq!(fault("SECRET"), KmeFault::NotJson);
    assert_eq!(fault(r#"{"a":1}"#), KmeFault::WrongShape("SKIP key"));
    assert_eq!(fault("{}"), KmeFault::NoKeys(Message::default()));
    let said = fault(r#"{"message":"no keys"}"#);
    assert_eq!(said, KmeFault::NoKeys(Message::new("no keys")));
    for (hex, error) in [
        ("", KeyTextError::Empty),
        ("abc", KeyTextError::NotHex),
        ("zz", KeyTextError::NotHex),
        ("0x12", KeyTextError::NotHex),
        ("+1", KeyTextError::NotHex),
    ] {
        let fault = fault(&format!(r#"{{"keyId":"{ID}","key":"{hex}"}}"#));
        assert!(
            matches!(fault, KmeFault::BadKey(_, told) if told == error),
            "{hex}: {fault}"
        );
    }
    let long = "ab".repeat(kme_api::limits::KEY_OCTETS_MAX + 1);
    let fault = fault(&format!(r#"{{"keyId":"{ID}","key":"{long}"}}"#));
    assert!(matches!(fault, KmeFault::BadKey(_, KeyTextError::TooLong)));
}

#[test]
fn capabilities_have_the_names_of_the_draft() {
    let text = r#"{"entropy":true,"key":true,"algorithm":"QKD","localSystemID":"Alice",
                   "remoteSystemID":["Bob","KMS-*"]}"#;
    let read: Capabilities = serde_json::from_str(text).unwrap();
    assert_eq!(read.remote_system_id, ["Bob", "KMS-*"]);
    assert_eq!(
        (read.local_system_id.as_str(), read.entropy),
        ("Alice", true)
    );
    let json = serde_json::to_value(&read).unwrap();
    let again: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(json, again);
}
