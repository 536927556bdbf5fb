// Package ui is what the zen command shows and asks: tables, output formats, sentences,
// prompts, the terminal, errors with their hints. Data goes to standard output;
// sentences, progress, questions and errors go to standard error. It knows no command and
// never asks zend.
package ui
