use super::*;

#[test]
fn a_table_is_headed_by_its_name_and_explained_by_the_rest_of_its_first_line() {
    let mut page = String::new();
    section(
        &mut page,
        "T8 FAULTS at a tenth of <it>\nfault verdict\nx FAIL: lost 1\n",
    );
    assert!(page.contains("<h2>T8 FAULTS</h2>"), "{page}");
    assert!(page.contains("<p>at a tenth of &lt;it&gt;</p>"), "{page}");
    assert!(
        page.contains("<b class=\"fail\">FAIL</b>: lost 1"),
        "{page}"
    );
    let mut page = String::new();
    section(&mut page, "T6 SAFETY  nonces_checked 7");
    assert!(page.contains("<pre>nonces_checked 7</pre>"), "{page}");
}
