// Pushes with the official client library. Arguments: URL of the gateway, what to do.
package main

import (
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
)

func main() {
	url, action := os.Args[1], os.Args[2]
	completion := prometheus.NewGauge(prometheus.GaugeOpts{Name: "db_backup_last_completion", Help: "Time."})
	completion.Set(7)
	rows := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "db_backup_rows", Help: "Rows."})
	rows.Observe(3)
	pusher := push.New(url, "db/backup").Collector(completion).Collector(rows).Grouping("db", "customers").Grouping("empty", "")
	fail(pusher.Push())
	switch action {
	case "push":
	case "push text":
		fail(pusher.Format(expfmt.NewFormat(expfmt.TypeTextPlain)).Push())
	case "add":
		completion.Set(8)
		fail(push.New(url, "db/backup").Collector(completion).Grouping("db", "customers").Grouping("empty", "").Add())
	case "delete":
		fail(pusher.Delete())
	default:
		fail(fmt.Errorf("unknown action: %s", action))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
