/** What models of different kinds have in common. */
package io.aegis.models;
