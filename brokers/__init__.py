"""What both ends of a broker share: how its cluster is reached, what its errors mean, its topics."""
