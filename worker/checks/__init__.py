"""What `worker check` looks at, one part a file. A check yields findings and raises nothing but Retry and Stop."""
