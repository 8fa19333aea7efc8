//! A switch on the line adds a priority tag to every frame: keys keep changing, nothing is lost,
//! and the status names the tag.

use std::time::Duration;

use lab::site::Site;
use tests::pair::Pair;
use tests::patience::wait_until;
use tests::site::Settings;

#[test]
fn a_priority_tag_of_the_line_is_taken_off_and_named() {
    let settings = Settings {
        interval: Duration::from_millis(500),
        ..Settings::default()
    };
    let pair = Pair::start(&settings);
    pair.line.tag([0x81, 0x00, 0xa0, 0x00]);
    let before = Site::BOTH.map(|site| pair.status(site).tx.switches);
    let changed = |site: Site| pair.status(site).tx.switches >= before[site.index()] + 3;
    wait_until("three keys under tags", Duration::from_secs(60), || {
        Site::BOTH.into_iter().all(changed)
    });
    for site in Site::BOTH {
        let report = pair.status(site);
        let said = report.line_tag.clone().unwrap();
        assert!(
            said.contains("priority tag") && said.contains("priority 5"),
            "{said}"
        );
        assert!(report.sum(|worker| &worker.worker, "InLineTagged") > 10);
        assert_eq!(report.sum(|worker| &worker.rx, "InPktsNoTag"), 0);
    }
    pair.hosts.all_went_well();
}
