use super::*;

fn parse(text: &str) -> Result<Config, String> {
    let parsed = File::parse(Path::new("t.toml"), text.into());
    parsed.map(|file| file.config).map_err(|error| error.to_string())
}

#[test]
fn every_key_is_read() {
    let config = parse(
        r#"
        catalogue = "replace"

        [server]
        listen = "[::1]:8003"
        service = "billing"
        service_ports = true
        log_format = "json"
        state = "/var/lib/tickring/state"

        [http]
        allowed_hosts = ["metrics.example.com"]
        max_connections = 100
        idle_timeout = 120
        drain_delay = 2.5

        [statsd]
        udp = ":9125"
        tcp = "localhost:9125"
        unix = "/run/tickring/statsd.sock"
        unix_stream = "@tickring"
        ignore = ["datadog.", "jvm."]
        forget_after = "30m"
        rename = { "envoy." = "edge." }
        auto_register = true
        max_services = 20
        max_events = 10

        [[service]]
        name = "billing"
        port = 9001
        category = "core"
        basis = "lifetime"
        events = ["invoice", "reminder"]
        timed = ["invoice"]
        labels = { invoice = ["country", "plan"] }
        label_sets = { invoice = 1000 }
        retire_after_seconds = 600
        exported_as = { invoice = "invoice_seconds" }
        counted_as = { invoice = "invoices" }
        help = { invoice = "How long invoices take." }
        buckets = { invoice = [0.005, 1, 2.5] }

        [[service]]
        name = "elsewhere"
        url = "http://10.0.0.7:9001"

        [collector]
        interval = 10
        retry_delay = 0.25
        failures = 5
        "#,
    )
    .unwrap();
    assert_eq!(config.catalogue, Catalogue::Replace);
    assert_eq!(config.server.listen, Some("[::1]:8003".parse().unwrap()));
    assert_eq!(config.http.allowed_hosts.unwrap()[0].0, "metrics.example.com");
    assert_eq!(config.http.drain_delay, "2.5".parse().ok());
    assert_eq!(config.statsd.udp, Some(Udp::On("0.0.0.0:9125".parse().unwrap())));
    assert_eq!(config.statsd.tcp, Some("127.0.0.1:9125".parse().unwrap()));
    assert_eq!(config.statsd.rename["envoy."], "edge.");
    assert_eq!(config.statsd.forget_after, Some(Duration::from_secs(1800)));
    assert_eq!(config.server.log_format, Some(LogFormat::Json));
    assert_eq!(config.services[0].spec.events, ["invoice", "reminder"]);
    assert_eq!(config.services[0].spec.labels["invoice"], ["country", "plan"]);
    assert_eq!(config.services[0].spec.label_sets["invoice"], 1000);
    assert_eq!(config.services[0].spec.exported_as["invoice"], "invoice_seconds");
    assert_eq!(config.services[0].spec.counted_as["invoice"], "invoices");
    assert_eq!(config.services[0].spec.help["invoice"], "How long invoices take.");
    let bounds = [5, 1000, 2500].map(Duration::from_millis);
    assert_eq!(config.services[0].spec.buckets["invoice"], bounds);
    assert_eq!(config.server.state, Some("/var/lib/tickring/state".into()));
    assert_eq!(config.services[0].url, None);
    assert_eq!(config.services[1].url, Some("http://10.0.0.7:9001".parse().unwrap()));
    let pace = config.collector.pace();
    assert_eq!((pace.interval, pace.timeout), (Duration::from_secs(10), Duration::from_secs(2)));
    assert_eq!((pace.retry_delay.as_millis(), pace.failures, pace.retries), (250, 5, 2));
    assert_eq!(parse("[statsd]\nudp = false").unwrap().statsd.udp, Some(Udp::Off));
    assert!(parse("").unwrap().services.is_empty());
}

fn assert_refused(text: &str, expected: &str) {
    let error = parse(text).unwrap_err();
    assert!(error.starts_with(expected), "{text}\n{error}\nexpected: {expected}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

/// Each error names file, line and key, and says what would be right.
#[test]
fn errors_say_what_is_wrong_and_where() {
    for (text, expected) in [
        ("a = ", "t.toml:1: "),
        ("\n[server\n", "t.toml:2: "),
        (r#""a\nb" = 1"#, r"t.toml:1: a\nb: unknown field `a, b`, expected one of"),
        ("\n[server]\nlistne = 1", "t.toml:3: server.listne: unknown field `listne`, expected"),
        (
            "[server]\nlisten = \"x\"",
            "t.toml:2: server.listen: invalid value: string \"x\", expected an address such as",
        ),
        ("[server]\nlog_format = \"xml\"", "t.toml:2: server.log_format: unknown variant `xml`"),
        (
            "[statsd]\nforget_after = \"1\"",
            "t.toml:2: statsd.forget_after: invalid value: string \"1\", expected a duration",
        ),
        ("[server]\nlisten = 8003", "t.toml:2: server.listen: invalid type: integer `8003`"),
        ("[server]\nservice_ports = 1", "t.toml:2: server.service_ports: invalid type"),
        (
            "[http]\ndrain_delay = -1",
            "t.toml:2: http.drain_delay: a time is a number of seconds from 0",
        ),
        (
            "[http]\nallowed_hosts = [\"a.example:80\"]",
            "t.toml:2: http.allowed_hosts[0]: \"a.example:80\": a host is a name or an address",
        ),
        ("[http]\nmax_connections = 0", "t.toml:2: http.max_connections: invalid value"),
        (
            "[statsd]\nudp = true",
            "t.toml:2: statsd.udp: invalid value: boolean `true`, expected an address such as",
        ),
        ("[statsd]\nudp = \"x\"", "t.toml:2: statsd.udp: invalid value: string \"x\""),
        ("[statsd]\nmax_events = -1", "t.toml:2: statsd.max_events: invalid value"),
        ("catalogue = \"both\"", "t.toml:1: catalogue: unknown variant `both`"),
        ("\ncatalogue = \"replace\"", "t.toml:2: catalogue: there is no [[service]]"),
    ] {
        assert_refused(text, expected);
    }
    let error = File::read(Path::new("no/such/file")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/file: No such file"), "{error}");
}

#[test]
fn errors_in_a_service_say_what_is_wrong_and_where() {
    let service = "[[service]]\nname = \"a\"\nevents = [\"x\"]\n";
    for (text, expected) in [
        ("[[service]]\nname = \"a\"\n", "t.toml:1: service[0]: missing field `events`"),
        (
            "[[service]]\nname = \"a\"\nurl = \"https://a\"",
            "t.toml:3: service[0].url: \"https://a\": https is not spoken here",
        ),
        (
            &format!("{service}url = \"http://a\""),
            "t.toml:3: service[0].events: the events of a service elsewhere are its own",
        ),
        (
            &format!("{service}\n[[service]]\nname = \"a\"\nurl = \"http://a\""),
            "t.toml:6: service[1].name: there is already a service \"a\"",
        ),
        ("[collector]\ninterval = -1", "t.toml:2: collector.interval: a time is a number"),
        ("[collector]\nfailures = 0", "t.toml:2: collector.failures: invalid value"),
        (
            &format!("{service}port = 70000"),
            "t.toml:4: service[0].port: invalid value: integer `70000`, expected u16",
        ),
        (
            &format!("{service}basis = \"daily\""),
            "t.toml:4: service[0].basis: unknown variant `daily`",
        ),
        (&format!("{service}ports = 1"), "t.toml:4: service[0].ports: unknown field `ports`"),
        (
            &format!("{service}\n{service}"),
            "t.toml:6: service[1].name: there is already a service \"a\"",
        ),
        (
            &format!("{service}timed = [\"y\"]"),
            "t.toml:4: service[0].timed: unknown event \"y\": service \"a\" has: x",
        ),
        (
            &format!("{service}labels = {{ y = [\"k\"] }}"),
            "t.toml:4: service[0].labels: unknown event \"y\": service \"a\" has: x",
        ),
        (
            &format!("{service}labels = {{ x = [\"le\"] }}"),
            "t.toml:4: service[0].labels: bad label \"le\" of event \"x\" of service \"a\": it is reserved",
        ),
        (
            &format!("{service}label_sets = {{ y = 1 }}"),
            "t.toml:4: service[0].label_sets: unknown event \"y\"",
        ),
        (
            "[[service]]\nevents = [\"x\"]\nname = \"a b\"",
            "t.toml:3: service[0].name: bad name \"a b\"",
        ),
        (
            "[[service]]\nname = \"a\"\nevents = []",
            "t.toml:3: service[0].events: service \"a\" has no events",
        ),
        (
            "[[service]]\nname = \"a\"\nevents = [\n\"x\",\n\"x\"]",
            "t.toml:3: service[0].events: service \"a\" names event \"x\" twice",
        ),
        (
            "[[service]]\nname = \"a\"\nevents = [\"x\", \"y/z\"]",
            "t.toml:3: service[0].events: bad name \"y/z\"",
        ),
    ] {
        assert_refused(text, expected);
    }
}

#[test]
fn errors_in_families_say_what_is_wrong_and_where() {
    let service = "[[service]]\nname = \"a\"\nevents = [\"x\"]\n";
    let timed = format!("{service}timed = [\"x\"]\nexported_as = {{ x = \"n\" }}\n");
    for (text, expected) in [
        (
            format!("{service}exported_as = {{ y = \"n\" }}"),
            "t.toml:4: service[0].exported_as: unknown event \"y\"",
        ),
        (
            format!("{service}exported_as = {{ x = \"n_total\" }}"),
            "t.toml:4: service[0].exported_as: event \"x\" of service \"a\" can't be exported as \"n_total\"",
        ),
        (
            format!("{service}help = {{ x = \"text\" }}"),
            "t.toml:4: service[0].help: event \"x\" of service \"a\" has a help text, but no family",
        ),
        (
            format!("{service}timed = [\"x\"]\nbuckets = {{ x = [1] }}"),
            "t.toml:5: service[0].buckets: event \"x\" of service \"a\" has buckets, but no family",
        ),
        (
            format!("{service}counted_as = {{ x = \"n\" }}"),
            "t.toml:4: service[0].counted_as: event \"x\" of service \"a\" is not timed",
        ),
        (
            format!("{timed}counted_as = {{ x = \"n_total\" }}"),
            "t.toml:6: service[0].counted_as: event \"x\" of service \"a\" can't be exported as \"n_total\"",
        ),
        (
            format!("{timed}buckets = {{ x = [0.3] }}"),
            "t.toml:6: service[0].buckets: bad buckets of event \"x\" of service \"a\": 0.3 s is no bound",
        ),
        (
            format!("{timed}buckets = {{ x = [-1] }}"),
            "t.toml:6: service[0].buckets.x[0]: invalid value: floating point `-1.0`, expected seconds above zero",
        ),
        (
            format!("{service}exported_as = {{ x = \"n\" }}\nbuckets = {{ x = [1] }}"),
            "t.toml:5: service[0].buckets: event \"x\" of service \"a\" is not timed",
        ),
        (
            format!(
                "{}{}",
                timed.replace("\"a\"", "\"b\""),
                service.to_owned() + "exported_as = { x = \"n\" }"
            ),
            "t.toml:9: service[1].exported_as: service \"b\" exports an event as \"n\" as well",
        ),
    ] {
        assert_refused(&text, expected);
    }
}
