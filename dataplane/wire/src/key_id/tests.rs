use super::{KeyId, KeyIdError};

#[test]
fn spelling_is_kept() {
    let text = "BC490419-7D60-487F-ADC1-4DDCC177C139";
    let id = KeyId::new(text).unwrap();
    assert_eq!(
        (id.as_str(), id.short(), id.to_string().as_str()),
        (text, "BC490419", text)
    );
    assert_eq!(KeyId::new("k").unwrap().short(), "k");
}

#[test]
fn limits() {
    assert_eq!(KeyId::new(""), Err(KeyIdError::Length(0)));
    assert!(KeyId::new(&"x".repeat(64)).is_ok());
    assert_eq!(KeyId::new(&"x".repeat(65)), Err(KeyIdError::Length(65)));
    assert_eq!(KeyId::new("a b"), Err(KeyIdError::Octet(b' ')));
    assert_eq!(KeyId::new("a\n"), Err(KeyIdError::Octet(b'\n')));
    assert_eq!(KeyId::new("ä"), Err(KeyIdError::Octet(0xc3)));
}
