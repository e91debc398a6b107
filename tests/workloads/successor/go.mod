module example.com/successor

go 1.17
