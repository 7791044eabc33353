"""What benchmarks need of the machine: cores, processes and what they cost, a broker of their own."""
