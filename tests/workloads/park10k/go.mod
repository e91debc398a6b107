module example.com/park10k

go 1.17
