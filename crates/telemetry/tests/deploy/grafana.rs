//! Dashboards as Grafana reads them: its JSON model, schema version 39 (Grafana 10.4 and newer).

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, Form, Panel, Query, Unit};

/// Grafana's grid.
const COLUMNS: usize = 24;
const SOURCE: &str = "$datasource";

/// A dashboard as a file.
pub(crate) fn json(dashboard: &Dashboard) -> String {
    let model = json!({
        "annotations": { "list": [] },
        "description": dashboard.description,
        "editable": true,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": [],
        "panels": panels(dashboard),
        "refresh": "1m",
        "schemaVersion": 39,
        "tags": ["mcp-cost-server"],
        "templating": { "list": variables() },
        "time": { "from": "now-6h", "to": "now" },
        "timezone": "utc",
        "title": dashboard.title,
        "uid": format!("mcp-cost-server-{}", dashboard.file),
    });
    format!("{}\n", serde_json::to_string_pretty(&model).unwrap())
}

fn variables() -> Value {
    json!([
        {
            "label": "Prometheus",
            "name": "datasource",
            "options": [],
            "query": "prometheus",
            "refresh": 1,
            "type": "datasource",
        },
        {
            "allValue": ".*",
            "current": { "text": "All", "value": "$__all" },
            "datasource": source(),
            "includeAll": true,
            "label": "Instance",
            "multi": true,
            "name": "instance",
            "options": [],
            "query": { "query": INSTANCES, "refId": "instances" },
            "refresh": 2,
            "sort": 1,
            "type": "query",
        },
    ])
}

/// `target_info` is of every process of ours, from its start.
const INSTANCES: &str = r#"label_values(target_info{service_name=~"gateway|token-broker"}, instance)"#;

fn source() -> Value {
    json!({ "type": "prometheus", "uid": SOURCE })
}

/// The panels, each row from the left to the right and then below.
fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let mut grid = Grid::default();
    let mut found = Vec::new();
    for row in &dashboard.rows {
        let place = grid.place(COLUMNS, 1);
        found.push(json!({
            "collapsed": false, "gridPos": place, "id": found.len() + 1, "panels": [], "title": row.title, "type": "row",
        }));
        for panel in &row.panels {
            let (width, height) = size(panel.form);
            let place = grid.place(width, height);
            found.push(drawn(panel, found.len() + 1, &place));
        }
        grid.end_line();
    }
    found
}

const fn size(form: Form) -> (usize, usize) {
    match form {
        Form::Lines | Form::Bars => (8, 8),
        Form::AtLeast(..) | Form::Below(..) | Form::Figure => (3, 4),
    }
}

/// Where the next panel comes.
#[derive(Default)]
struct Grid {
    x: usize,
    y: usize,
    height: usize,
}

impl Grid {
    fn place(&mut self, width: usize, height: usize) -> Value {
        if self.x + width > COLUMNS {
            self.end_line();
        }
        let place = json!({ "h": height, "w": width, "x": self.x, "y": self.y });
        self.x += width;
        self.height = self.height.max(height);
        place
    }

    fn end_line(&mut self) {
        self.y += self.height;
        (self.x, self.height) = (0, 0);
    }
}

fn drawn(panel: &Panel, id: usize, place: &Value) -> Value {
    let (kind, options, custom) = match panel.form {
        Form::Lines => ("timeseries", lines_options(), json!({ "fillOpacity": 10, "showPoints": "never" })),
        Form::Bars => ("bargauge", bars_options(), json!({})),
        Form::AtLeast(..) | Form::Below(..) | Form::Figure => ("stat", stat_options(), json!({})),
    };
    let mut defaults = json!({ "custom": custom, "min": 0, "unit": unit(panel.unit) });
    if let Some(steps) = steps(panel.form) {
        defaults["thresholds"] = json!({ "mode": "absolute", "steps": steps });
    }
    let instant = !matches!(panel.form, Form::Lines);
    let targets: Vec<_> =
        panel.queries.iter().zip('A'..).map(|(query, id)| target(query, id, instant)).collect();
    json!({
        "datasource": source(),
        "description": panel.description,
        "fieldConfig": { "defaults": defaults, "overrides": [] },
        "gridPos": place,
        "id": id,
        "options": options,
        "targets": targets,
        "title": panel.title,
        "type": kind,
    })
}

fn target(query: &Query, id: char, instant: bool) -> Value {
    json!({
        "datasource": source(),
        "expr": query.expr,
        "instant": instant,
        "legendFormat": query.legend,
        "range": !instant,
        "refId": id.to_string(),
    })
}

fn lines_options() -> Value {
    json!({
        "legend": { "calcs": ["lastNotNull"], "displayMode": "table", "placement": "bottom", "showLegend": true },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}

fn bars_options() -> Value {
    json!({ "displayMode": "basic", "orientation": "horizontal", "reduceOptions": last(), "showUnfilled": false })
}

fn stat_options() -> Value {
    json!({ "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "reduceOptions": last(), "textMode": "auto" })
}

fn last() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

/// Where a figure turns from one colour to the next; the first has no bound.
fn steps(form: Form) -> Option<Value> {
    let step = |color: &str, value: Option<f64>| json!({ "color": color, "value": value });
    match form {
        Form::AtLeast(good, bearable) => {
            Some(json!([step("red", None), step("orange", Some(bearable)), step("green", Some(good))]))
        }
        Form::Below(good, bad) => {
            Some(json!([step("green", None), step("orange", Some(good)), step("red", Some(bad))]))
        }
        Form::Lines | Form::Bars | Form::Figure => None,
    }
}

/// A unit by Grafana's name.
const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "short",
        Unit::PerSecond => "reqps",
        Unit::Seconds => "s",
        Unit::Bytes => "bytes",
        Unit::Days => "d",
        Unit::Share => "percentunit",
    }
}
