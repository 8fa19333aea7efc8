use super::*;

#[test]
fn a_table_is_headed_by_its_name_and_explained_by_the_rest_of_its_first_line() {
    let section = Section::of("T8 FAULTS at a tenth of <it>\nfault verdict\nx FAIL lost 1\n");
    assert_eq!(
        section,
        Section {
            name: "T8 FAULTS",
            note: "at a tenth of <it>",
            table: "fault verdict\nx FAIL lost 1",
        }
    );
    let section = Section::of("T6 SAFETY  nonces_checked 7");
    assert_eq!(
        (section.name, section.table),
        ("T6 SAFETY", "nonces_checked 7")
    );
}
