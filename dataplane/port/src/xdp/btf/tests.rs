use super::function;

/// A BTF blob with these types and strings.
fn btf(types: &[u32], strings: &[u8]) -> Vec<u8> {
    let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let mut octets = 0xeb9fu16.to_ne_bytes().to_vec();
    octets.extend([1, 0]);
    let words = [
        24,
        0,
        types.len() as u32,
        types.len() as u32,
        strings.len() as u32,
    ];
    octets.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    octets.extend(types);
    octets.extend(strings);
    octets
}

#[test]
fn a_function_is_found_by_its_name() {
    let strings = b"\0int\0first\0second\0";
    let types = [
        // int; an integer is followed by one more word.
        1,
        1 << 24,
        4,
        32,
        // A structure with two members, of three words each.
        0,
        4 << 24 | 2,
        8,
        1,
        1,
        0,
        1,
        1,
        32,
        // A type with the right name that is not a function.
        11,
        8 << 24,
        1,
        // A prototype with one parameter.
        0,
        13 << 24 | 1,
        1,
        5,
        1,
        // first, second.
        5,
        12 << 24,
        4,
        11,
        12 << 24,
        4,
    ];
    let octets = btf(&types, strings);
    assert_eq!(function(&octets, "first"), Some(5));
    assert_eq!(function(&octets, "second"), Some(6));
    assert_eq!(function(&octets, "third"), None);
    for len in 0..octets.len() {
        assert_eq!(function(&octets[..len], "second"), None, "{len}");
    }
    // An unknown kind ends the search.
    assert_eq!(
        function(&btf(&[0, 31 << 24, 0, 5, 12 << 24, 0], strings), "first"),
        None
    );
}
