package server

// Act updates the metrics like a call of the user that creates or deletes an item.
func (s *Server) Act(user string) {
	s.metrics.items.active.see(user)
	s.metrics.items.activity.count(user)
}
