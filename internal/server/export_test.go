package server

// Act does with the metrics what a user's call does that creates or deletes an
// item.
func (s *Server) Act(user string) {
	s.metrics.items.active.see(user)
	s.metrics.items.activity.count(user)
}
