use std::fs;

use super::*;

fn delivered(key: u32) -> Entry {
    Entry::Delivered {
        to: "sae-alder".to_owned(),
        peer: "sae-birch".to_owned(),
        keys: vec![format!("key-{key}")],
    }
}

fn written(path: &Path, keys: std::ops::Range<u32>) {
    let mut ledger = NodeLedger::open(path, "alder").unwrap();
    keys.for_each(|key| ledger.append(delivered(key)));
}

fn entries(path: &Path) -> Result<Vec<Entry>, LedgerError> {
    let mut entries = Vec::new();
    lines(path, |line| match line.entry {
        Entry::Begin | Entry::End => {}
        entry => entries.push(entry),
    })
    .map(|()| entries)
}

#[test]
fn a_node_that_starts_again_continues_its_ledger_after_a_cut_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alder.node-ledger");
    written(&path, 0..3);
    let mut text = fs::read_to_string(&path).unwrap();
    let whole = text.len();
    text.push_str("{\"number\":6,\"prev");
    fs::write(&path, &text).unwrap();
    assert_eq!(entries(&path).unwrap().len(), 3);
    written(&path, 3..5);
    assert_eq!(
        entries(&path).unwrap(),
        (0..5).map(delivered).collect::<Vec<_>>()
    );
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with(&text[..whole])
    );
}

#[test]
fn a_changed_a_removed_and_a_foreign_line_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alder.node-ledger");
    written(&path, 0..4);
    let text = fs::read_to_string(&path).unwrap();
    let removed: String = text
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    let cases = [
        (text.replace("key-2", "key-7"), "hash"),
        (removed, "follow"),
        (text + "{\"a\":1}\n", "no hash"),
    ];
    for (text, problem) in cases {
        fs::write(&path, text).unwrap();
        let error = entries(&path).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
