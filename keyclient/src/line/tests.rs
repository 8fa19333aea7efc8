use super::Version;

fn as_1_1(parts: &[&str]) -> String {
    let mut version = Version::default();
    let mut all = String::new();
    for part in parts {
        let mut octets = part.as_bytes().to_vec();
        version.read_as_1_1(&mut octets);
        all += str::from_utf8(&octets).unwrap();
    }
    all
}

#[test]
fn the_first_version_of_a_reply_is_1_1() {
    for (sent, read) in [
        ("HTTP/1.0 200 OK\r\nHTTP/1.0", "HTTP/1.1 200 OK\r\nHTTP/1.0"),
        ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
        ("HTTP/1.2 200 OK", "HTTP/1.1 200 OK"),
        ("HTTP/2.0 200 OK", "HTTP/2.0 200 OK"),
        ("HTTP/1.x", "HTTP/1.x"),
        ("aHTTP/1.0", "aHTTP/1.0"),
        ("HTTP/1.", "HTTP/1."),
        ("", ""),
    ] {
        assert_eq!(as_1_1(&[sent]), read);
        for cut in 0..sent.len() {
            assert_eq!(as_1_1(&[&sent[..cut], &sent[cut..]]), read, "{cut}");
        }
    }
}
