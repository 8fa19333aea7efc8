use std::fs;

use kme::pki::make_lab_pki;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_failure_leaves_no_new_files_and_keeps_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A folder where the last file would be written first.
    let in_the_way = folder.join(".sae-b.pem.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(make_lab_pki(folder, &LabPki::default()).is_err());
    assert_eq!(names(folder), [".sae-b.pem.new"]);

    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(
        make_lab_pki(folder, &LabPki::default()).unwrap().len(),
        names(folder).len()
    );
    let old = fs::read(folder.join("ca.key")).unwrap();
    fs::create_dir(&in_the_way).unwrap();
    let renewed = LabPki {
        overwrite: true,
        ..LabPki::default()
    };
    assert!(make_lab_pki(folder, &renewed).is_err());
    assert_eq!(fs::read(folder.join("ca.key")).unwrap(), old);
    assert_eq!(names(folder).len(), 11);

    fs::remove_dir(&in_the_way).unwrap();
    make_lab_pki(folder, &renewed).unwrap();
    assert_ne!(fs::read(folder.join("ca.key")).unwrap(), old);
    assert_eq!(names(folder).len(), 10);
}
