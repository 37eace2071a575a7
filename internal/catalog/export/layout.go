package export

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"onsale/internal/catalog"
)

// Sizes on Grafana's grid. The page is 24 units wide, and a unit of height is about
// 30 px.
const (
	pageWidth   = 24
	tileHeight  = 4
	panelHeight = 8
	titleHeight = 1
)

// arrange places the panels of each row from left to right, and starts a new line
// at the end of the page. Ids follow the reading order.
func arrange(rows []catalog.Row) []dashboard.PanelOrRowPanel {
	var (
		panels []dashboard.PanelOrRowPanel
		id     uint32
		y      uint32
	)
	for _, row := range rows {
		if row.Title != "" {
			id++
			title := dashboard.NewRowPanel()
			title.Id, title.Title = id, new(row.Title)
			title.GridPos = &dashboard.GridPos{Y: y, W: pageWidth, H: titleHeight}
			panels = append(panels, dashboard.PanelOrRowPanel{RowPanel: title})
			y += titleHeight
		}
		var x, line uint32
		for _, p := range row.Panels {
			width := uint32(p.Width) //nolint:gosec // G115: a width is at most 24, which a test checks.
			if x+width > pageWidth {
				x, y, line = 0, y+line, 0
			}
			id++
			g := grafanaPanel(p)
			g.Id = new(id)
			g.GridPos = &dashboard.GridPos{X: x, Y: y, W: width, H: height(row, p)}
			panels = append(panels, dashboard.PanelOrRowPanel{Panel: g})
			x, line = x+width, max(line, g.GridPos.H)
		}
		y += line
	}
	return panels
}

// height returns the height of a panel. A table in a row of tiles is as low as a
// tile.
func height(row catalog.Row, p catalog.Panel) uint32 {
	if p.Kind == catalog.Stat || p.Kind == catalog.Table && row.Panels[0].Kind == catalog.Stat {
		return tileHeight
	}
	return panelHeight
}
