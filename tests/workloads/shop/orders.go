// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"strconv"
)

type order struct {
	Customer int    `json:"customer"`
	Release  string `json:"release"`
	// What the customer bought before; absent when it took too long to find out.
	History *int64 `json:"history,omitempty"`
}

// orderHandler answers GET /orders?customer=N.
type orderHandler struct {
	store *store
}

func (h *orderHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	customer, err := strconv.Atoi(r.URL.Query().Get("customer"))
	if err != nil {
		http.Error(w, "customer must be a number", http.StatusBadRequest)
		return
	}
	answer := order{Customer: customer, Release: version}
	if total, err := h.store.history(r.Context(), customer); err == nil {
		answer.History = &total
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}
